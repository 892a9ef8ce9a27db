"""Which code a job depends on, as one hash.

Snakemake does not see the modules that a script imports. Each rule therefore carries this hash among its params, and
a job runs again when an edit can change the result of the job:

* The hash is taken of syntax trees. Comments, formatting and docstrings do not count, nor do the texts of errors,
  warnings and log messages.
* The hash follows names, not files. `from x import f` brings the definition of `f` and what this definition uses.
* What Python runs when it imports a module counts as soon as anything imports the module.
* Where names do not suffice, the whole module counts: after a star import, where the module itself is a value, where
  code looks names up by text, and where a name is not found.

The hash relies on two rules. A module that is imported by a computed name must be a root, as each plug-in is. No
result depends on the text of an error, on a source file that code opens itself, or on the order of imports.
"""

import ast
import builtins
import hashlib
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path

from unlearning.runtime import syntax

SCRIPTS = Path(__file__).resolve().parents[2]

# The dotted name of a module, and the attributes that code looks up in the module, one after the other.
Reference = tuple[str, syntax.Names]
WHOLE = ()  # no attribute: the module itself is a value
IMPORTED = ("",)  # the module is only imported

# Functions, decorators and base classes that change nothing elsewhere when a module applies them at its top level.
HARMLESS = {
    *("property", "staticmethod", "classmethod", "frozenset", "range"),
    *(name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, Exception)),
    *("functools.cache", "functools.cached_property", "functools.lru_cache", "contextlib.contextmanager"),
    *("dataclasses.dataclass", "dataclasses.field", "logging.getLogger", "torch.nn.Module", "torch.autograd.Function"),
    *("torch.no_grad", "torch.autograd.function.once_differentiable"),
}
# Modules that start a job, decide whether it computes, and end it. They have no part in what a job computes: a script
# receives the inputs and params of its job, and each plug-in that a job loads is a root.
NOT_COUNTED = {
    *("unlearning.runtime.basis", "unlearning.runtime.code_hash", "unlearning.runtime.job"),
    *("unlearning.plugins.load", "unlearning.plugins.outside"),
}
LOOKS_NAMES_UP = {"globals", "locals", "vars", "dir", "eval", "exec", "__import__"}
READS_SOURCE = {"__doc__", "getdoc", "getcomments", "getsource", "getsourcelines"}


@cache
def code_hash(*roots: str, without: tuple[str, ...] = ()) -> str:
    """Hash all that some files define, together with the library code that these definitions use.

    Args:
        roots: files relative to `scripts/`.
        without: names in these files that count only where code uses them, such as a plug-in's description of itself.

    Returns:
        16 hexadecimal digits.
    """
    statements, seen = _reached({reference for root in roots for reference in _root(root, without)})
    names = sorted({name for name, _ in seen})
    if any(statement.reads_source for statement in statements):  # then comments and docstrings are data
        code = [(name, module.source) for name in names if (module := _module(name))]
    else:
        code = [statement.digest for statement in sorted(statements, key=lambda statement: statement.place)]
    packages = [name for name in names if _is_package_elsewhere(name)]
    return hashlib.sha256(repr([packages, code]).encode()).hexdigest()[:16]


@cache
def hash_of_file(name: str, path: Path, without: tuple[str, ...] = ()) -> str:
    """Hash all that a file outside `scripts/` defines, together with the library code that these definitions use.

    Args:
        name: of the module that the file becomes.
        path: of the file.
        without: names that count only where the file uses them, such as a plug-in's description of itself.

    Returns:
        64 hexadecimal digits.
    """
    module = Module(name, path)
    own = _counted(module, without)
    statements, seen = _reached(set().union(*(statement.references for statement in own)))
    code = own + sorted(statements, key=lambda statement: statement.place)
    packages = sorted({name for name, _ in seen if _is_package_elsewhere(name)})
    source = module.source if any(statement.reads_source for statement in code) else b""
    return hashlib.sha256(repr([packages, [each.digest for each in code], source]).encode()).hexdigest()


def _counted(module: "Module", without: tuple[str, ...]) -> "list[Statement]":
    """The statements of a file, without those that bind the given names for nobody in the file."""
    left_out = [each for each in module.statements if syntax.bound(each.node) & set(without)]
    kept = [each for each in module.statements if each not in left_out]
    used = {
        attributes[0] for each in kept for start, attributes in each.references if start == module.name and attributes
    }
    return kept + [each for each in left_out if syntax.bound(each.node) & used]


def _reached(references: set[Reference]) -> "tuple[set[Statement], set[Reference]]":
    """The statements that references lead to, one after the other, and all references on the way."""
    statements, seen, waiting = set(), set(references), list(references)
    while waiting:
        result, further = _follow(waiting.pop())
        statements |= result
        waiting += further - seen
        seen |= further
    return statements, seen


def _root(root: str, without: tuple[str, ...]) -> Iterator[Reference]:
    """References to all that a file defines. A module that the file imports counts only as far as code uses it."""
    if not (SCRIPTS / root).is_file():
        raise FileNotFoundError(SCRIPTS / root)
    name = root.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    yield name, IMPORTED
    for bound, statements in _module(name).bound.items():
        targets = [target for statement in statements for target in statement.imported_as(bound)]
        if bound not in without and not any(_module(".".join([start, *names])) for start, names in targets):
            yield name, (bound,)


@cache
def _follow(reference: Reference) -> "tuple[set[Statement], set[Reference]]":
    """The statements that a reference leads to, and the references that follow."""
    (name, attributes), module = reference, _module(reference[0])
    if not module or name in NOT_COUNTED:
        return set(), set()
    if attributes == WHOLE or "*" in module.bound:
        result = set(module.statements)
        further = {target for statement in result for _, target in statement.imports}
        further |= {(submodule, WHOLE) for submodule in module.submodules()}
    elif attributes == IMPORTED:
        result = {statement for statement in module.statements if statement.acts}
        further = {each for statement in module.statements if statement.is_import for each in statement.references}
    else:
        first, *rest = attributes
        result = set(module.bound.get(first, ()))
        further = {(start, (*names, *rest)) for each in result for start, names in each.imported_as(first)}
        if _module(f"{name}.{first}"):
            further.add((f"{name}.{first}", tuple(rest)))
        elif not result:
            further.add((name, WHOLE))
    further |= {(name, IMPORTED), (module.parent, IMPORTED)}
    return result, further.union(*(statement.references for statement in result))


@cache
def _module(name: str) -> "Module | None":
    """The module of a dotted name; None where `scripts/` has no such file or folder."""
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        return None
    path = SCRIPTS.joinpath(*parts)
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if file.is_file():
            return Module(name, file)
    return Module(name, path / "__init__.py") if path.is_dir() else None  # the file of a package may be missing


def _is_package_elsewhere(name: str) -> bool:
    """Whether a name belongs to an installed package, whose import may change what other code does."""
    top = name.partition(".")[0]
    return not _module(top) and top not in sys.stdlib_module_names


def _holds_all_names(reference: Reference) -> bool:
    """Whether a reference leads to `builtins` or `sys.modules`, by which code looks names up by text."""
    name, attributes = reference
    return name == "builtins" or (name, attributes[:1]) == ("sys", ("modules",))


class Module:
    """A module of the library: its statements, and the statements that bind each name."""

    def __init__(self, name: str, file: Path):
        self.name, self.parent = name, name.rpartition(".")[0] or name
        self.folder = file.parent if file.name == "__init__.py" else None
        self.source = file.read_bytes() if file.is_file() else b""
        nodes = enumerate(syntax.statements(self.source, str(file)))
        self.statements = [Statement(node, self, number) for number, node in nodes]
        self.bound: dict[str, list[Statement]] = defaultdict(list)
        for statement in self.statements:
            for bound in syntax.bound(statement.node):
                self.bound[bound].append(statement)

    def submodules(self) -> list[str]:
        """The names of the modules in a package."""
        files = [file for file in self.folder.iterdir() if file.stem.isidentifier()] if self.folder else []
        return [f"{self.name}.{file.stem}" for file in files if file.stem != "__init__"]


class Statement:
    """One statement at the top level of a module."""

    def __init__(self, node: ast.stmt, module: Module, number: int):
        self.node, self._module, self.place = node, module, (module.name, number)
        self.is_import = isinstance(node, ast.Import | ast.ImportFrom) and getattr(node, "module", "") != "__future__"

    @cached_property
    def digest(self) -> str:
        """The module and the syntax of the statement, as one hash."""
        return hashlib.sha256(f"{self._module.name} {syntax.canonical(self.node)}".encode()).hexdigest()

    @cached_property
    def references(self) -> set[Reference]:
        """The modules that the statement imports, and what its names lead to."""
        result = {(name, IMPORTED) for _, (start, names) in self.imports for name in (start, ".".join([start, *names]))}
        result |= {(text, WHOLE) for text in syntax.strings(self._parts) if "." in text and _module(text)}
        if any(isinstance(part, ast.ClassDef | ast.Global) for part in self._parts):
            result |= {target for _, target in self.imports}  # which other statements find, as `Class.name` or `name`
        for first, *rest in self._used:
            targets = {(name, (*names, *rest)) for name, names in self._targets(first)}
            result |= targets
            if first in self._module.bound:
                result.add((self._module.name, (first, *rest)))
            if first in LOOKS_NAMES_UP or any(map(_holds_all_names, targets)):
                result.add((self._module.name, WHOLE))
        return result

    @cached_property
    def reads_source(self) -> bool:
        """Whether the statement may read docstrings, or source text as data."""
        imported = [names for _, (_, names) in self.imports]
        return any(not READS_SOURCE.isdisjoint(names) for names in [*self._used, *imported])

    @cached_property
    def acts(self) -> bool:
        """Whether the statement may do more than bind names when Python imports the module."""
        applied = () if self.is_import else syntax.applied(self.node)
        return any(self._full_name(names) not in HARMLESS for names in applied)

    @cached_property
    def imports(self) -> list[tuple[str | None, Reference]]:
        """Each name that the statement imports, in a function too, and what the name refers to."""
        package = self._module.name if self._module.folder else self._module.parent
        return list(syntax.imports(self._parts, package))

    def imported_as(self, name: str) -> list[Reference]:
        """What a name refers to by the imports in this statement."""
        return [target for bound, target in self.imports if bound == name]

    def _targets(self, name: str) -> list[Reference]:
        """What a name refers to by the imports in this statement, and by those at the top level of the module."""
        statements = {self, *self._module.bound.get(name, ())}
        return [target for statement in statements for target in statement.imported_as(name)]

    def _full_name(self, names: syntax.Names) -> str:
        """`functools.cache` for `cache`; empty for what this module defines."""
        first, *rest = names
        bound = self._module.bound.get(first)
        if not bound:
            return ".".join(names)
        if len(bound) > 1 or not bound[0].is_import:
            return ""
        ((module, path),) = bound[0].imported_as(first)
        return ".".join([module, *path, *rest])

    @cached_property
    def _parts(self) -> list[ast.AST]:
        return list(ast.walk(self.node))

    @cached_property
    def _used(self) -> set[syntax.Names]:
        return set() if self.is_import else syntax.used(self._parts)

"""What a syntax tree says: the names that it binds, imports, uses and applies, and its canonical text."""

import ast
from collections.abc import Iterator
from importlib.util import resolve_name

# The names in `a.b.c`, one after the other.
Names = tuple[str, ...]
UNKNOWN = ("",)

DEFINITION = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
LOGS = {"debug", "info", "warning", "error", "exception", "critical"}


def statements(source: bytes, file: str) -> Iterator[ast.stmt]:
    """The statements at the top level of a file, without docstrings. An import of two names is two statements."""
    for node in ast.parse(source, file).body:
        match node:
            case ast.Import():
                yield from (ast.Import([alias]) for alias in node.names)
            case ast.ImportFrom():
                yield from (ast.ImportFrom(node.module, [alias], node.level) for alias in node.names)
            case _ if not _is_text(node):
                yield node


def bound(node: ast.stmt) -> set[str]:
    """The names that a statement at the top level binds, or may bind."""
    if isinstance(node, DEFINITION):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node]
    parts = [part for target in targets for part in ast.walk(target)]
    names = {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    return names | {part.asname or part.name.partition(".")[0] for part in parts if isinstance(part, ast.alias)}


def imports(parts: list[ast.AST], package: str) -> Iterator[tuple[str | None, tuple[str, Names]]]:
    """What the nodes of a statement import.

    Args:
        parts: the nodes.
        package: where relative imports start.

    Yields:
        A name, and what the name stands for: a module, and names in this module. `import a.b` yields `a`, and then
        `a.b` without a name.
    """
    for part in parts:
        if isinstance(part, ast.Import):
            for alias in part.names:
                top = alias.name.partition(".")[0]
                yield (alias.asname, (alias.name, ())) if alias.asname else (top, (top, ()))
                yield None, (alias.name, ())
        elif isinstance(part, ast.ImportFrom):
            module = resolve_name("." * part.level + (part.module or ""), package)
            yield from ((alias.asname or alias.name, (module, (alias.name,))) for alias in part.names)


def used(parts: list[ast.AST]) -> set[Names]:
    """The names that the nodes of a statement use, each with all its attributes: `a.b.c`, but not `a.b`."""
    passed = {id(part.value) for part in parts if isinstance(part, ast.Attribute)}
    for part in parts:
        match part:  # these two look no name up: `"x" in globals()` and `vars(x)`
            case ast.Compare(ast.Constant(), [ast.In()], [ast.Call(ast.Name("globals") as called)]):
                passed.add(id(called))
            case ast.Call(ast.Name("vars" | "dir") as called, [_]):
                passed.add(id(called))
    return {_names(part) for part in parts if isinstance(part, ast.Name | ast.Attribute) and id(part) not in passed}


def strings(parts: list[ast.AST]) -> set[str]:
    """The strings among the nodes of a statement."""
    return {part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)}


def applied(node: ast.stmt) -> Iterator[Names]:
    """What Python applies when it runs a statement at the top level: functions, decorators and base classes.

    Args:
        node: the statement.

    Yields:
        The names of each. `UNKNOWN` stands for what has no name, and for a statement that does more than define.
    """
    match node:
        case ast.Pass() | ast.Expr(ast.Constant()):
            return
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            direct, evaluated = node.decorator_list, [node.args, node.returns or node.args]
        case ast.ClassDef(keywords=[]):
            direct, evaluated = [*node.decorator_list, *node.bases], []
            for each in node.body:
                yield from applied(each)
        case ast.Assign() | ast.AnnAssign():
            direct, evaluated = [], [node]
        case _:
            yield UNKNOWN
            return
    yield from (_names(each) for each in direct if not isinstance(each, ast.Call))
    for part in (part for each in [*direct, *evaluated] for part in ast.walk(each)):
        match part:
            case ast.Call():
                yield _names(part.func)
            case ast.NamedExpr() | ast.Attribute(ctx=ast.Store()) | ast.Subscript(ctx=ast.Store()):
                yield UNKNOWN


def canonical(node: object, message: bool = False) -> str:
    """Syntax as text, the same with every version of Python.

    Args:
        node: a syntax tree, or what a field of a syntax tree holds.
        message: the tree is a part of a message.

    Returns:
        The text, without positions, docstrings, empty fields and the strings of messages.
    """
    match node:
        case list():
            return f"[{' '.join(canonical(each, message) for each in node if not _is_text(each))}]"
        case ast.Constant(value):
            return "Text" if message and isinstance(value, str) else f"Constant({value!a})"
        case ast.JoinedStr(values):  # Python 3.12 adds empty strings
            kept = [each for each in values if not isinstance(each, ast.Constant) or (each.value and not message)]
            return f"JoinedStr({canonical(kept, message)})"
        case ast.AST():
            message = (message or _is_message(node)) and not isinstance(node, ast.Subscript)
            texts = [
                f"{name}={canonical(value, message or (name == 'msg' and isinstance(node, ast.Assert)))}"
                for name in node._fields
                if (value := getattr(node, name, None)) not in (None, [])
            ]
            return f"{type(node).__name__}({' '.join(texts)})"
    return ascii(node)


def _names(node: ast.AST) -> Names:
    """The names in `a.b.c`. The first is empty where the attributes belong to a value without a name."""
    if isinstance(node, ast.Attribute):
        return (*_names(node.value), node.attr)
    return (node.id,) if isinstance(node, ast.Name) else UNKNOWN


def _is_text(node: object) -> bool:
    """Whether a statement is a docstring, or another string that does nothing."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_message(node: ast.AST) -> bool:
    """Whether a node raises an error, warns or logs."""
    match node:
        case ast.Raise() | ast.Call(ast.Attribute(ast.Name("warnings"), "warn")):
            return True
        case ast.Call(ast.Attribute(ast.Name("logger" | "logging"), method)):
            return method in LOGS
    return False

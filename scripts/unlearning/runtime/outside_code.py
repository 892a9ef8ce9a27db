"""The hash of a plug-in file outside the repository.

The file counts as a file in `scripts/` does, see `code_hash`. That module follows names into `scripts/` alone, and is
itself part of the code of evaluations, so that an edit of it would make their results stale. Hence this second module.
"""

import hashlib
from functools import cache
from pathlib import Path

from unlearning.runtime import syntax
from unlearning.runtime.code_hash import Module, Statement, _follow, _is_package_elsewhere


@cache
def hash_of_file(name: str, path: Path, without: tuple[str, ...] = ()) -> str:
    """Hash all that a file defines, together with the library code that these definitions use.

    Args:
        name: of the module that the file becomes.
        path: of the file.
        without: names that count only where the file uses them, such as a plug-in's description of itself.

    Returns:
        64 hexadecimal digits.
    """
    module = Module(name, path)
    own = _counted(module, without)
    statements, seen = set(), set().union(*(statement.references for statement in own))
    waiting = list(seen)
    while waiting:
        result, further = _follow(waiting.pop())
        statements |= result
        waiting += further - seen
        seen |= further
    library = sorted(statements, key=lambda statement: statement.place)
    packages = sorted({name for name, _ in seen if _is_package_elsewhere(name)})
    source = module.source if any(each.reads_source for each in [*own, *library]) else b""
    code = [each.digest for each in [*own, *library]]
    return hashlib.sha256(repr([packages, code, source]).encode()).hexdigest()


def _counted(module: Module, without: tuple[str, ...]) -> list[Statement]:
    """The statements of a file, without those that bind the given names for nobody in the file."""
    left_out = [each for each in module.statements if syntax.bound(each.node) & set(without)]
    kept = [each for each in module.statements if each not in left_out]
    used = {
        attributes[0] for each in kept for start, attributes in each.references if start == module.name and attributes
    }
    return kept + [each for each in left_out if syntax.bound(each.node) & used]

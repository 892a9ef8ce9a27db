"""Which code a job depends on, as one hash.

Snakemake does not see the modules that a script imports. Each rule therefore carries this hash
among its parameters: an edit of a module re-runs exactly the jobs that import it, while a touch, a
checkout or a move of the repository re-runs nothing.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2]


@cache
def code_hash(*paths: str) -> str:
    """Hash files (relative to `scripts/`) together with every library module they import."""
    files: set[Path] = set()
    for path in paths:
        _collect(SCRIPTS / path, files)
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.relative_to(SCRIPTS).as_posix().encode() + b"\0" + _content(file) + b"\0")
    return digest.hexdigest()[:16]


def _collect(file: Path, files: set[Path]) -> None:
    if file not in files:
        files.add(file)
        for imported in _imports(file):
            _collect(imported, files)


@cache
def _content(file: Path) -> bytes:
    return file.read_bytes()


@cache
def _imports(file: Path) -> list[Path]:
    """The library modules that a file imports, at its top or inside a function."""
    modules, package = set(), file.relative_to(SCRIPTS).parts[:-1]
    for node in ast.walk(ast.parse(_content(file))):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            modules.add(module)
            modules.update(f"{module}.{alias.name}" for alias in node.names)
    stems = {Path(*module.split(".")) for module in modules if module}
    stems |= {above for stem in stems for above in stem.parents}  # importing a.b.c runs a and a.b
    found = [path for stem in stems for path in (SCRIPTS / f"{stem}.py", SCRIPTS / stem / "__init__.py")]
    return sorted(path for path in found if path.is_file())

"""Plug-in files outside the repository, which experiments name by their paths.

Everywhere else, such a file has a name like any plug-in: the name of the file without `.py`. Where the file lies is
kept in the environment, so that jobs know it, too.
"""

import json
import os
from pathlib import Path

VARIABLE = "UNLEARNING_OUTSIDE_FILES"  # environment variable: paths by kind and name, as JSON


def remember(kind: str, name: str, path: Path) -> None:
    """Let this process and its jobs find a file outside the repository.

    Args:
        kind: of the plug-in, such as "methods".
        name: of the plug-in.
        path: of the file, absolute and ending in `.py`.

    Raises:
        ValueError: another file of this kind has the name.
    """
    paths = _paths()
    other = paths.setdefault(kind, {}).setdefault(name, str(path))
    if other != str(path):
        raise ValueError(f"{other} has the same name; rename one of the two files")
    os.environ[VARIABLE] = json.dumps(paths)


def outside_file(kind: str, name: str) -> Path | None:
    """The file of a plug-in outside the repository; None for a plug-in inside."""
    path = _paths().get(kind, {}).get(name)
    return Path(path) if path else None


def location(kind: str, name: str) -> str:
    """The name by which `describe` finds a plug-in: the name itself, or the path without `.py` of a file outside."""
    path = outside_file(kind, name)
    return str(path.with_suffix("")) if path else name


def shown_path(kind: str, name: str) -> str:
    """The path of a plug-in's file, as messages show it."""
    return str(outside_file(kind, name) or f"scripts/unlearning/{kind}/{name}.py")


def _paths() -> dict[str, dict[str, str]]:
    return json.loads(os.environ.get(VARIABLE, "{}"))

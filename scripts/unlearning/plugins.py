"""Datasets, models, methods and metrics: one file each, found by its name.

`describe` reads the literal at the top of such a file without running it, so that the workflow is
parsed without importing torch; `load` imports the file in the job that uses it.
"""

import ast
import importlib
from functools import cache
from pathlib import Path
from types import ModuleType

LIBRARY = Path(__file__).parent
LITERAL = {"datasets": "DATASET", "models": "PARAMETERS", "methods": "PARAMETERS", "metrics": "METRICS"}


def names(kind: str) -> list[str]:
    """The known names of a kind ('datasets', 'models', 'methods' or 'metrics'), sorted."""
    return sorted(file.stem for file in (LIBRARY / kind).glob("*.py") if file.stem != "__init__")


@cache
def describe(kind: str, name: str) -> dict:
    """The self-description of one plugin file, read without running it.

    Raises:
        ValueError: the file does not assign the literal, or not a literal.
    """
    path, literal = LIBRARY / kind / f"{name}.py", LITERAL[kind]
    try:
        (value,) = (
            node.value
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == literal
        )
        if isinstance(value, ast.Attribute):  # as in `PARAMETERS = uno.PARAMETERS`
            return describe(kind, ast.unparse(value.value))
        return ast.literal_eval(value)
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{path}: must assign {literal} = {{...}}, once and as a literal ({error})") from None


def load(kind: str, name: str) -> ModuleType:
    """Import one plugin file."""
    return importlib.import_module(f"unlearning.{kind}.{name}")

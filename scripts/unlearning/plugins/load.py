"""Importing a plug-in file, in the job that uses it."""

import importlib
from types import ModuleType


def load_plugin(kind: str, name: str) -> ModuleType:
    """Import one plug-in file: its kind is the folder, such as "methods"."""
    return importlib.import_module(f"unlearning.{kind}.{name}")

"""Importing a plug-in file, in the job that uses it."""

import importlib
from types import ModuleType


def load_plugin(kind: str, name: str) -> ModuleType:
    """Import one plug-in file."""
    return importlib.import_module(f"unlearning.{kind}.{name}")

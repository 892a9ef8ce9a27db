"""Importing a plug-in file, in the job that uses it."""

import importlib.util
import sys
from types import ModuleType

from unlearning.plugins.outside import outside_file


def load_plugin(kind: str, name: str) -> ModuleType:
    """Import one plug-in file: its kind is the folder, such as "methods"."""
    full_name, path = f"unlearning.{kind}.{name}", outside_file(kind, name)
    if path is None or full_name in sys.modules:
        return importlib.import_module(full_name)
    specification = importlib.util.spec_from_file_location(full_name, path)
    module = sys.modules[full_name] = importlib.util.module_from_spec(specification)
    try:
        specification.loader.exec_module(module)
    except BaseException:
        del sys.modules[full_name]
        raise
    return module

"""Who may import whom, which packages stay free of torch, and that no package names a plug-in."""

import ast
from pathlib import Path

import pytest

from unlearning.plugins.describe import plugin_names

LIBRARY = Path(__file__).resolve().parents[2] / "scripts" / "unlearning"
PACKAGES = ["io", "runtime", "data", "networks", "config", "training", "evaluation", "reporting"]  # each: those before
PLUGINS = {
    "datasets": "data",
    "models": "networks",
    "methods": "training",
    "metrics": "evaluation",
    "figures": "reporting",
}
WITHOUT_TORCH = ["io", "runtime", "data", "config", "reporting", "plugins", "networks/masks", "networks/constraints"]
WITH_TORCH = ["runtime/device", "runtime/checkpoint", "runtime/seeding"]
# Names of plug-ins that are also a word for something else: a key, a group of evidence or rows, a panel, a column.
WORDS = {"ascent", "as_published", "cost", "histogram", "digits", "uno"}


def modules(folder):
    return sorted((LIBRARY / folder).rglob("*.py") if (LIBRARY / folder).is_dir() else [LIBRARY / f"{folder}.py"])


def imports(path, at_top=False):
    """Names of the modules that a file imports, with the names that it takes from them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if at_top else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("package", ["plugins", *PACKAGES, *PLUGINS])
def test_a_package_imports_only_what_stands_before_it(package):
    last = PLUGINS.get(package, package)
    allowed = {"plugins", package, *(PACKAGES[: PACKAGES.index(last) + 1] if last in PACKAGES else [])}
    for path in modules(package):
        parts = {name.split(".")[1] for name in imports(path) if name.startswith("unlearning.")}
        assert parts <= allowed, f"{path.relative_to(LIBRARY)} imports {sorted(parts - allowed)}"


@pytest.mark.parametrize("package", WITHOUT_TORCH)
def test_a_package_stays_free_of_torch(package):
    for path in modules(package):
        if path.relative_to(LIBRARY).with_suffix("").as_posix() not in WITH_TORCH:
            assert not any(name.split(".")[0] == "torch" for name in imports(path, at_top=True)), path


@pytest.mark.parametrize("package", ["plugins", *PACKAGES])
def test_a_package_names_no_plugin(package):
    named = {name for kind in PLUGINS if kind != "figures" for name in plugin_names(kind)} - WORDS
    for path in modules(package):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        assert not {text for text in strings if isinstance(text, str)} & named, path.relative_to(LIBRARY)


def test_the_init_file_of_a_package_is_a_docstring():
    for package in ["plugins", *PACKAGES, *PLUGINS]:
        (docstring,) = ast.parse((LIBRARY / package / "__init__.py").read_text(encoding="utf-8")).body
        assert isinstance(docstring, ast.Expr), package


def test_functions_and_modules_are_short():
    """A function has at most 60 lines, a module at most 300. A longer one needs a reason, which would stand here."""
    for path in sorted(LIBRARY.parent.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 300, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 60, f"{path}: {node.name}"

"""Who may import whom, what scripts import at start, and that no package names a plug-in."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from unlearning.plugins.describe import plugin_names

LIBRARY = Path(__file__).resolve().parents[2] / "scripts" / "unlearning"
SCRIPTS = LIBRARY.parent
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
WORDS = {"ascent", "as_published", "cost", "histogram", "digits", "labels", "uno"}

# Packages whose import takes a tenth of a second or more, and which of them a script of a job imports when it starts. A
# plug-in imports its own later, and so does what few jobs need.
SLOW = {
    *("torch", "torchvision", "pandas", "scipy", "sklearn", "seaborn", "matplotlib", "altair", "jsonschema"),
    *("transformers", "diffusers", "pytorch_fid", "mlxtend", "snakemake"),
}
AT_START = {
    "aggregate": {"pandas"},
    "build_reference": {"torch"},
    "build_reference_alone": {"torch"},
    "check": set(),
    "draw_figure": {"pandas", "matplotlib", "seaborn"},
    "encode_images": {"diffusers", "torch"},
    "evaluate": {"torch"},
    "evaluate_density": {"torch"},
    "export_model": {"pandas", "torch"},
    "fetch_dataset": set(),
    "fetch_given": set(),
    "fetch_weights": set(),
    "import_classifier": {"torch"},
    "import_moments": {"torch"},
    "import_original": {"torch"},
    "prepare_dataset": set(),
    "select_forget_set": set(),
    "train": {"torch"},
    "train_classifier": {"torch"},
    "train_in_processes": {"torch"},
    "unlearn": {"torch"},
    "write_explorer": {"pandas", "altair", "matplotlib", "seaborn"},
    "write_manifest": {"pandas"},
    "write_table": {"pandas"},
}


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


def imported_at_start(path, seen):
    """Names of the packages that importing a file imports, of those elsewhere; `seen` gets the files of the library."""
    seen.add(path)
    for name in imports(path, at_top=True):
        parts = name.split(".")
        own = [SCRIPTS.joinpath(*parts[:length]).with_suffix(".py") for length in range(2, len(parts) + 1)]
        if parts[0] != "unlearning":
            yield parts[0]
        for file in own:
            if file.is_file() and file not in seen:
                yield from imported_at_start(file, seen)


@pytest.mark.parametrize("script", sorted(AT_START))
def test_a_script_starts_with_few_slow_packages(script):
    assert set(imported_at_start(SCRIPTS / f"{script}.py", set())) & SLOW == AT_START[script]


@pytest.mark.parametrize("script", ["train", "write_table"])  # as Python itself sees it, with what packages import
def test_a_script_really_starts_with_few_slow_packages(script):
    code = f"import sys, {script}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    names = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    assert set(names.stdout.split()) & SLOW == AT_START[script]


def test_the_list_of_slow_imports_names_every_script_of_a_job():
    jobs = {path.stem for path in SCRIPTS.glob("*.py") if '"snakemake" in globals()' in path.read_text("utf-8")}
    assert jobs == set(AT_START)


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
    for path in sorted(SCRIPTS.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 300, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 60, f"{path}: {node.name}"

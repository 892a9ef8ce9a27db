"""The hash of the code that a job runs: which edits change it, and which do not."""

import ast
import shutil
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.plugins.describe import plugin_names
from unlearning.runtime import code_hash as hashing
from unlearning.runtime import syntax
from unlearning.runtime.code_hash import code_hash

# The real modules that tests edit, in one place.
VAE = "unlearning/models/vae.py"
CONV_VAE = "unlearning/models/conv_vae.py"
TRAIN = "unlearning/training/train.py"
VECTORS = "unlearning/training/vectors.py"
OPTIMISERS = "unlearning/training/optimisers.py"
CLASSIFIER = "unlearning/networks/classifier.py"
GENERATIVE = "unlearning/networks/generative.py"
FORGET_SET = "unlearning/data/forget_set.py"
DEVICE = "unlearning/runtime/device.py"
CHECKPOINT = "unlearning/runtime/checkpoint.py"
SLURM = "unlearning/runtime/slurm.py"
SEEDING = "unlearning/runtime/seeding.py"
FILES = "unlearning/io/files.py"
TABLES = "unlearning/reporting/tables.py"
FIGURE = "unlearning/figures/tradeoff.py"

JOBS = {
    "train": ("train.py", VAE),
    "train_classifier": ("train_classifier.py",),
    "unlearn": ("unlearn.py", VAE, "unlearning/methods/uno.py"),
    "draw_figure": ("draw_figure.py", FIGURE),
}


def hash_in(folder, *roots, without=()):
    """The hash of files in a folder, computed afresh."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(hashing, "SCRIPTS", folder)
        forget()
        found = code_hash(*roots, without=without)
    forget()
    return found


def forget():
    for function in (code_hash, hashing._follow, hashing._module):
        function.cache_clear()


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def changes(folder, files, name, old="1", new="2", *, root="job.py"):
    """Whether an edit of one file changes the hash."""
    write(folder, files)
    before = hash_in(folder, root)
    assert old in files[name]
    write(folder, {name: files[name].replace(old, new)})
    return hash_in(folder, root) != before


# Edits of the real modules.


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """A copy of all scripts and modules."""
    folder = tmp_path_factory.mktemp("library") / "scripts"
    return shutil.copytree(hashing.SCRIPTS, folder, ignore=shutil.ignore_patterns("__pycache__"))


@pytest.fixture(scope="module")
def hash_of(library):
    """The hash of a job, as the modules are or after one edit."""

    @cache
    def compute(job, file=None, old="", new=""):
        if file is None:
            return hash_in(library, *JOBS[job], without=("PARAMETERS",))
        text = (library / file).read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        try:
            write(library, {file: text.replace(old, new)})
            return compute.__wrapped__(job)
        finally:
            write(library, {file: text})

    return compute


@pytest.mark.parametrize(
    ("job", "file", "old", "new"),
    [
        pytest.param("train", VAE, '"""VAE on images', '"""An autoencoder on images', id="docstring of a class"),
        pytest.param("train", VAE, '"""Variational auto', '"""A variational auto', id="docstring of a module"),
        pytest.param("train", VAE, "class Model", "# A comment.\nclass Model", id="comment"),
        pytest.param("train", VAE, '"width of the hidden layers"', '"their width"', id="description of a parameter"),
        pytest.param("train", VAE, '"maximum": 100000, "desc', '"maximum": 200000, "desc', id="bound of a parameter"),
        pytest.param("train", TRAIN, "training diverged in epoch", "no finite loss in epoch", id="text of an error"),
        pytest.param("train", TRAIN, "needs a compiler, {usual} or", "needs {usual} or", id="text between values"),
        pytest.param("train", DEVICE, "computing on GPU %s, %s", "on GPU %s, %s", id="text of a log message"),
        pytest.param("train", CHECKPOINT, "%s cannot be read (%s)", "%s is damaged (%s)", id="text of a warning"),
        pytest.param("train", CLASSIFIER, "NOISE = 0.2", "NOISE = 0.3", id="constant of another rule"),
        pytest.param(
            "train", OPTIMISERS, "class SGD:", "class SGD:\n    x = 1\n", id="another optimiser in the same module"
        ),
        pytest.param("train", GENERATIVE, "COMPLETION_CHUNK = 100", "COMPLETION_CHUNK = 200", id="unused constant"),
        pytest.param("train", FORGET_SET, "def spread_out(", "def spread(", id="unused function"),
        pytest.param("train", TABLES, "COLUMN_GAP = 2", "COLUMN_GAP = 3", id="width of a table"),
        pytest.param("train", SLURM, "logger = ", "x = 1\nlogger = ", id="module for clusters"),
        pytest.param("train", FIGURE, "def draw(", "def draw(unused, ", id="figure"),
        pytest.param("train", CONV_VAE, "class Model(", "class Model(list, ", id="another model"),
        pytest.param("unlearn", CONV_VAE, "class Model(", "class Model(list, ", id="another model of a run"),
        pytest.param("unlearn", FIGURE, "def draw(", "def draw(unused, ", id="figure of a run"),
        pytest.param("draw_figure", VAE, "0.5 * (mean", "0.4 * (mean", id="loss, for a figure"),
    ],
)
def test_an_edit_that_cannot_change_a_result_keeps_the_hash(hash_of, job, file, old, new):
    assert hash_of(job, file, old, new) == hash_of(job)


@pytest.mark.parametrize(
    ("job", "file", "old", "new"),
    [
        pytest.param("train", VAE, "0.5 * (mean", "0.4 * (mean", id="number in a loss"),
        pytest.param("unlearn", VAE, "0.5 * (mean", "0.4 * (mean", id="number in a loss, for a method"),
        pytest.param("train", VAE, "loss_noise = latents", "loss_noise = samples", id="attribute of a class"),
        pytest.param("train", VAE, "class Model(nn.Module)", "class Model(nn.Sequential)", id="base class"),
        pytest.param("train", VECTORS, "tensor.reshape(-1)", "tensor.reshape(1, -1)", id="helper of the loop"),
        pytest.param("train", TRAIN, '"training noise"', '"noise"', id="name of a random stream"),
        pytest.param("train", TRAIN, 'precision: str = "float32"', 'precision: str = "tf32"', id="default argument"),
        pytest.param("train", SEEDING, ">> 1", ">> 2", id="seed"),
        pytest.param("train", DEVICE, '":4096:8"', '":16:8"', id="setting of the device"),
        pytest.param("train", FILES, "hashlib.sha256(", "hashlib.sha512(", id="checksum"),
        pytest.param("train", FORGET_SET, "@dataclass(frozen=True)", "@dataclass", id="decorator"),
        pytest.param("train", "train.py", "image_shape, seed)", "image_shape, 0)", id="script"),
        pytest.param("train_classifier", CLASSIFIER, "NOISE = 0.2", "NOISE = 0.3", id="default of a loss"),
        pytest.param("draw_figure", FIGURE, "def draw(", "def draw(unused, ", id="figure"),
    ],
)
def test_an_edit_that_can_change_a_result_changes_the_hash(hash_of, job, file, old, new):
    assert hash_of(job, file, old, new) != hash_of(job)


def test_formatting_changes_no_hash(library, tmp_path):
    """`unparse` drops comments and writes every statement in its own way."""
    folder = shutil.copytree(library, tmp_path / "scripts")
    for path in folder.rglob("*.py"):
        path.write_text(ast.unparse(ast.parse(path.read_text())))
    roots = [root for job in JOBS.values() for root in job]
    assert hash_in(folder, *roots) == hash_in(library, *roots)


def test_every_method_has_its_own_hash():
    names = plugin_names("methods")
    assert len({code_hash("unlearn.py", VAE, f"unlearning/methods/{name}.py") for name in names}) == len(names)


# Edits of a small library, in which a job reaches some code and not other code.

SMALL = {
    "job.py": '''
"""A job."""

from library import tools
from library.exports import renamed
from library.shapes import Child


def main(size=1):
    """Compute."""
    from library.lazy import late

    assert size != "none", f"{size} is too small"
    return tools.scale(size) + renamed() + late() + Child().area() + tools.chosen()


if "snakemake" in globals():
    run(main, snakemake)
''',
    "library/__init__.py": "",
    "library/tools.py": '''
"""Tools."""

import logging
import warnings

from . import effects
from .constants import FACTOR, TABLE

try:
    from library.fast import chosen
except ImportError:
    chosen = None

logger = logging.getLogger("tools")
UNUSED = TABLE["unused"]


def scale(size, power=2):
    """Scale."""
    # A remark.
    if size < 0:
        raise ValueError(f"{size} is negative: choose " + TABLE["larger"])
    logger.info("scaling by %d", FACTOR)
    warnings.warn("scaling is slow", stacklevel=2)
    return FACTOR * size**power * len("text")


def helper():
    return 3
''',
    "library/constants.py": "FACTOR = 5\nOTHER = 6\nTABLE = {'larger': 'a larger one'}\n",
    "library/exports.py": "from library.origin import original as renamed, other\n",
    "library/origin.py": "def original():\n    return 7\n\n\ndef other():\n    return 8\n",
    "library/lazy.py": "def late():\n    return 9\n",
    "library/fast.py": "def chosen():\n    return 10\n",
    "library/shapes.py": """
class Parent:
    side = 11

    def area(self):
        return self.side


class Child(Parent):
    pass


class Stranger(Exception):
    side = 12
""",
    "library/effects.py": """
from library import registry
from library.registry import register

LIMIT = 13
FREE = 14


@register
def unused():
    return LIMIT


def plain():
    return FREE


registry.NAMES["b"] = 15
""",
    "library/registry.py": "NAMES = {}\nLOST = 16\n\n\ndef register(function):\n    return function\n",
    "library/stranger.py": "VALUE = 17\n",
}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        pytest.param("library/tools.py", "# A remark.", "# Another remark.", id="comment"),
        pytest.param("library/tools.py", '"""Scale."""', '"""Scale a size."""', id="docstring"),
        pytest.param("library/tools.py", '    """Scale."""\n', "", id="no docstring"),
        pytest.param("library/tools.py", "size**power", "(size ** power)", id="formatting"),
        pytest.param("library/tools.py", "is negative: choose", "is below zero: choose", id="text of an error"),
        pytest.param("library/tools.py", "{size} is negative", "negative: {size}", id="order of an error"),
        pytest.param("library/tools.py", '"scaling by %d"', '"scale: %d"', id="text of a log message"),
        pytest.param("library/tools.py", "scaling is slow", "slow", id="text of a warning"),
        pytest.param("job.py", "is too small", "must be larger", id="text of an assertion"),
        pytest.param("library/tools.py", "return 3", "return 4", id="unused helper"),
        pytest.param("library/tools.py", 'TABLE["unused"]', 'TABLE["used"]', id="unused constant"),
        pytest.param("library/tools.py", "FACTOR, TABLE", "FACTOR, OTHER, TABLE", id="unused import"),
        pytest.param("library/tools.py", "import warnings", "import json\nimport warnings", id="standard library"),
        pytest.param("library/constants.py", "OTHER = 6", "OTHER = 7", id="constant of nobody"),
        pytest.param("library/origin.py", "return 8", "return 9", id="function that is exported in vain"),
        pytest.param("library/shapes.py", "side = 12", "side = 13", id="unused class"),
        pytest.param("library/effects.py", "FREE = 14", "FREE = 15", id="what an unused function uses"),
        pytest.param("library/registry.py", "LOST = 16", "LOST = 17", id="beside what runs on import"),
        pytest.param("library/stranger.py", "VALUE = 17", "VALUE = 18", id="module that nothing imports"),
    ],
)
def test_the_small_library_keeps_its_hash(tmp_path, file, old, new):
    assert not changes(tmp_path, SMALL, file, old, new)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        pytest.param("job.py", "size=1", "size=2", id="default argument of the script"),
        pytest.param("job.py", 'if "snakemake" in', 'if "snakemake" not in', id="end of the script"),
        pytest.param("job.py", '"none"', '"nothing"', id="text in the condition of an assertion"),
        pytest.param("library/tools.py", 'getLogger("tools")', 'getLogger("others")', id="name of a logger"),
        pytest.param("library/tools.py", "power=2", "power=3", id="default argument"),
        pytest.param("library/tools.py", 'len("text")', 'len("texts")', id="text that is data"),
        pytest.param("library/tools.py", '" + TABLE["larger"]', '" + TABLE["other"]', id="key in a message"),
        pytest.param("library/tools.py", "{size} is negative", "{power} is negative", id="value in a message"),
        pytest.param("library/tools.py", "stacklevel=2", "stacklevel=3", id="number in a warning"),
        pytest.param("library/constants.py", "FACTOR = 5", "FACTOR = 6", id="constant by a relative import"),
        pytest.param("library/constants.py", "a larger one", "another", id="constant in a message"),
        pytest.param("library/origin.py", "return 7", "return 8", id="function by another name"),
        pytest.param("library/exports.py", "original as renamed", "other as renamed", id="what a name stands for"),
        pytest.param("library/lazy.py", "return 9", "return 10", id="import in a function"),
        pytest.param("library/fast.py", "return 10", "return 11", id="name that is bound in a try statement"),
        pytest.param("library/tools.py", "chosen = None", "chosen = print", id="except clause"),
        pytest.param("library/shapes.py", "side = 11", "side = 12", id="attribute of a base class"),
        pytest.param("library/shapes.py", "Child(Parent)", "Child(Stranger)", id="base class"),
        pytest.param("library/shapes.py", "    pass", "    side = 2", id="attribute of a class"),
        pytest.param("library/effects.py", "LIMIT = 13", "LIMIT = 14", id="what a decorated function uses"),
        pytest.param("library/effects.py", '["b"] = 15', '["b"] = 16', id="statement that runs on import"),
        pytest.param("library/registry.py", "return function", "return print", id="decorator with an effect"),
        pytest.param("library/registry.py", "NAMES = {}", "NAMES = {1: 2}", id="what a statement changes on import"),
    ],
)
def test_the_small_library_changes_its_hash(tmp_path, file, old, new):
    assert changes(tmp_path, SMALL, file, old, new)


def test_a_revert_restores_the_hash(tmp_path):
    assert changes(tmp_path / "one", SMALL, "library/tools.py", "power=2", "power=3")
    write(tmp_path / "one", SMALL)
    write(tmp_path / "two", SMALL)
    assert hash_in(tmp_path / "one", "job.py") == hash_in(tmp_path / "two", "job.py")


# How names are bound, imported and used.


@pytest.mark.parametrize(
    "binding",
    [
        "value = 1",
        "value: int = 1",
        "other = value = 1",
        "other, (*value, third) = 1, (2, 3)",
        "value = 0\nvalue = 1",
        "value = 0\nvalue += 1",
        "others = [value := 1]",
        "value = {}\nvalue[0] = 1",
        "def value(): return 1",
        "async def value(): return 1",
        "class value: number = 1",
        "if True: value = 1",
        "if True:\n    def value(): return 1",
        "for value in [1]: pass",
        "with open('1') as value: pass",
        "try: value = 1\nexcept ValueError: value = 0",
        "try: from library.origin import value\nexcept ImportError: value = 1",
        "match 1:\n    case value: pass",
        "def bind():\n    global value\n    value = 1\nbind()",
        "def bind():\n    global value\n    from library.origin import value\nbind()",
        "from .origin import value",
        "from .origin import value as other\nvalue = other",
        "from library.origin import *",
    ],
)
@pytest.mark.parametrize(
    "use",
    [
        "from library.module import value\nprint(value)",
        "from library import module\nmodule.value",
        "from library.module import function\nfunction()",
        "from library.export import exported\nexported()",
    ],
)
def test_a_name_is_followed_however_it_is_bound(tmp_path, binding, use):
    files = {
        "job.py": use,
        "library/__init__.py": "",
        "library/export.py": "from library.module import value as exported",
        "library/module.py": f"{binding}\ndef function(): return value\n",
        "library/origin.py": "value = 1\n",
    }
    assert changes(tmp_path, files, "library/origin.py" if "origin" in binding else "library/module.py")


@pytest.mark.parametrize(
    "job",
    [
        "import library.module\nlibrary.module.function()",
        "import library.module as other\nother.function()",
        "import library\nlibrary.module.function()",
        "from library import module as other\nother.function()",
        "from library.module import function as other\nother()",
        "from library import exported\nexported()",
        "import library\nlibrary.exported()",
        "def main():\n    from library import module\n    return module.function()",
        "def main():\n    import library.module\n    return library.module.function()",
        "class Main:\n    from library.module import function",
        "from library.module import function\n\ndef main(call=function): pass",
        "from library.module import function\n\nclass Main(function): pass",
        "from library.module import function\n\ndef main() -> function: pass",
    ],
)
def test_a_function_is_followed_however_it_is_imported_and_its_neighbour_is_not(tmp_path, job):
    files = {
        "job.py": job,
        "library/__init__.py": "from .module import function as exported\n",
        "library/module.py": "def function(): return 1\n\ndef neighbour(): return 3\n",
    }
    assert changes(tmp_path, files, "library/module.py")
    assert not changes(tmp_path, files, "library/module.py", old="3", new="4")


@pytest.mark.parametrize(
    "job",
    [
        "from library import *",
        "from library import missing",
        "import library\nlibrary.missing",
        "import library\nlibrary.__dict__",
        "import library\ngetattr(library, name)",
        "import library as other\nprint(other)",
        "def main():\n    import library\n    return [library]",
        "from library import by_globals\nby_globals()",
        "from library import by_vars\nby_vars()",
        "from library import by_module\nby_module()",
        "from library import by_evaluation\nby_evaluation()",
        "import package\nprint(package)",
        "from package import library\nprint(library)",
        "import package.library\nprint(package.library)",
        "from importlib import import_module\nimport_module('package.library')",
    ],
)
def test_where_names_do_not_suffice_the_whole_module_counts(tmp_path, job):
    text = """
'''Text 3.'''
import sys

def unused():
    return 1

def by_globals():
    return globals()["unused"]

def by_vars():
    return vars()["unused"]

def by_module():
    return getattr(sys.modules[__name__], "unused")

def by_evaluation():
    from builtins import eval as found
    return found("unused")
"""
    name = "package/library.py" if "package" in job else "library.py"
    files = {"job.py": job, "package/__init__.py": "", name: text}
    assert changes(tmp_path, files, name)
    assert not changes(tmp_path, files, name, old="Text 3", new="Text 4")


@pytest.mark.parametrize("use", ["vars(1)", "dir(1)", "'name' in globals()"])
def test_the_whole_module_does_not_count_where_no_name_is_looked_up(tmp_path, use):
    text = f"def unused(): return 3\n\ndef function(): return {use}\n"
    files = {"job.py": "from library import function\nfunction()", "library.py": text}
    assert not changes(tmp_path, files, "library.py", old="3", new="4")


@pytest.mark.parametrize(
    "effect",
    [
        "effect()",
        "@effect\ndef unused(): pass",
        "@effect()\ndef unused(): pass",
        "@staticmethod(effect())\ndef unused(): pass",
        "def unused(argument=effect()): pass",
        "def unused(argument=effect()) -> int: pass",
        "def unused(argument: effect()): pass",
        "def unused() -> effect(): pass",
        "async def unused(*, argument=effect()): pass",
        "unused = effect()",
        "unused: int = effect()",
        "unused = [effect() for _ in range(3)]",
        "unused = 0\nunused.attribute = effect",
        "unused = {}\nunused[0] = effect",
        "unused = {}\nunused |= effect",
        "for unused in range(3): effect()",
        "with open('x'): effect()",
        "try: pass\nexcept ValueError: effect()",
        "class Unused(effect): pass",
        "class Unused(effect[int]): pass",
        "class Unused(metaclass=effect): pass",
        "class Unused(Exception, keyword=effect): pass",
        "@effect\nclass Unused: pass",
        "class Unused:\n    effect()",
        "class Unused:\n    value = effect()",
        "class Unused:\n    @effect\n    def method(self): pass",
        "class Unused:\n    class Inner:\n        value = effect()",
        "from functools import cache\ncache = effect\n@cache\ndef unused(): pass",
        "def property(function): return effect()\n@property\ndef unused(): pass",
        "from __future__ import annotations\neffect()",
    ],
)
@pytest.mark.parametrize("imported", ["from library.origin import effect", "from library.origin import *"])
def test_what_runs_on_import_counts(tmp_path, effect, imported):
    files = {
        "job.py": "import library.middle",
        "library/__init__.py": "",
        "library/middle.py": "from library import module",
        "library/module.py": f"{imported}\n{effect}\n",
        "library/origin.py": "def effect(): return 1\n",
    }
    assert changes(tmp_path, files, "library/origin.py")


@pytest.mark.parametrize(
    "job",
    [
        "import package.sub.module",
        "from package.sub import module",
        "from package.sub.module import name",
        "if condition: import package.sub.module",
        "class Main:\n    import package.sub.module",
        "def main():\n    import package.sub.module",
        "def main():\n    from package.sub import module",
        "import other.inner",
        "import importlib\nimportlib.import_module('package.sub.module')",
        "import package\npackage.sub.module.name",
    ],
)
@pytest.mark.parametrize("name", ["package/__init__.py", "package/sub/__init__.py", "package/sub/module.py"])
def test_an_import_runs_the_module_and_the_packages_around_it(tmp_path, job, name):
    names = ("package/__init__.py", "package/sub/__init__.py", "package/sub/module.py")
    files = {"job.py": job, **dict.fromkeys(names, "print(1)\n")}
    files["package/sub/module.py"] += "name = 3\n"
    files |= {
        "other/inner/__init__.py": "from .relative import x\n",
        "other/inner/relative.py": "import package.sub.module\n",
    }
    assert changes(tmp_path, files, name)


def test_a_root_runs_the_packages_around_it(tmp_path):
    files = {"package/__init__.py": "print(1)\n", "package/plugin.py": "value = 3\n"}
    assert changes(tmp_path, files, "package/__init__.py", root="package/plugin.py")


def test_an_unused_class_imports_what_its_body_imports(tmp_path):
    files = {"job.py": "import library", "library.py": "class Unused:\n    import origin\n", "origin.py": "print(1)\n"}
    assert changes(tmp_path, files, "origin.py")


@pytest.mark.parametrize(
    "definition",
    [
        "value = 1",
        "one, other = 1, 0",
        "values = [function for function in (1, 0)]",
        "def unused(argument=1): return argument",
        "@cache\ndef unused(): return 1",
        "@functools.lru_cache(maxsize=3)\ndef unused(): return 1",
        "@contextmanager\ndef unused(): yield 1",
        "@dataclass(frozen=True)\nclass Unused:\n    value: int = 1\n    @property\n    def double(self): return 3",
        "@dataclass\nclass Unused:\n    values: list = field(default_factory=list)\n    value: int = 1",
        "class Unused(nn.Module):\n    '''A module.'''\n    value = 1",
        "class Unused(ValueError):\n    value = 1",
        "@torch.no_grad()\ndef unused(): return 1",
        "values = frozenset({1})",
    ],
)
def test_an_unused_definition_does_not_count(tmp_path, definition):
    imports = (
        "import functools\nfrom contextlib import contextmanager\nfrom dataclasses import dataclass, field\n"
        "from functools import cache\nimport torch\nfrom torch import nn\n"
    )
    text = f"{imports}{definition}\ndef used(function): return function\n"
    files = {"job.py": "from library import used\nused(3)", "library.py": text}
    assert not changes(tmp_path, files, "library.py")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("value = 1\nvalue = 2\n", "value = 2\nvalue = 1\n"),
        ("from origin import one as value\n", "from origin import two as value\n"),
        ("from __future__ import annotations\nvalue = 1\n", "value = 1\n"),
        ("value = 1\n", "import torch\nvalue = 1\n"),
    ],
)
def test_the_order_and_the_names_of_definitions_count(tmp_path, before, after):
    origin = "one = 3\ntwo = 4\nboth = one, two\n"
    files = {
        "job.py": "from library import value\nfrom origin import both\n",
        "origin.py": origin,
        "library.py": before,
    }
    assert changes(tmp_path, files, "library.py", old=before, new=after)


def test_the_module_of_a_definition_counts(tmp_path):
    write(
        tmp_path, {"job.py": "import one\nimport two\nprint(one, two)", "one.py": "x = 1\ny = 2\n", "two.py": "z = 3\n"}
    )
    before = hash_in(tmp_path, "job.py")
    write(tmp_path, {"one.py": "x = 1\n", "two.py": "y = 2\nz = 3\n"})
    assert hash_in(tmp_path, "job.py") != before


@pytest.mark.parametrize("use", ["__doc__", "main.__doc__", "inspect.getsource(main)", "source_of(main)"])
def test_comments_and_docstrings_count_where_code_reads_them(tmp_path, use):
    text = f"import inspect\nfrom inspect import getsource as source_of\n\ndef main():\n    # 1\n    return {use}\n"
    assert changes(tmp_path, {"job.py": text}, "job.py")


def test_names_of_a_root_that_are_left_out_count_where_code_uses_them(tmp_path):
    plugin = "METRICS = {'a': 1}\nPARAMETERS = 2\n\ndef compute():\n    return list(METRICS)\n"
    without = ("METRICS", "PARAMETERS")
    write(tmp_path, {"plugin.py": plugin})
    before = hash_in(tmp_path, "plugin.py", without=without)
    write(tmp_path, {"plugin.py": plugin.replace("PARAMETERS = 2", "PARAMETERS = 3")})
    assert hash_in(tmp_path, "plugin.py", without=without) == before
    write(tmp_path, {"plugin.py": plugin.replace("'a': 1", "'a': 2")})
    assert hash_in(tmp_path, "plugin.py", without=without) != before


def test_a_root_brings_the_functions_that_it_imports_for_others(tmp_path):
    files = {"plugin.py": "from other import prepare\n", "other.py": "def prepare(): return 1\n"}
    assert changes(tmp_path, files, "other.py", root="plugin.py")


@pytest.mark.parametrize("job", ["from library import basis\nbasis.f()", "from library.basis import f\nf()"])
@pytest.mark.parametrize("name", ["library/basis.py", "library/other.py", "library/beside.py"])
def test_a_module_that_is_not_counted_brings_nothing_and_no_whole_package(tmp_path, monkeypatch, job, name):
    monkeypatch.setattr(hashing, "NOT_COUNTED", {"library.basis"})
    files = {"library/basis.py": "from library import other\ndef f(): return other.g(1)\n"}
    files |= {"library/other.py": "def g(): return 1\n", "library/beside.py": "value = 1\n"}
    assert not changes(tmp_path, {"job.py": job, "library/__init__.py": "", **files}, name)


def test_a_root_that_is_missing_or_broken_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"job\.py"):
        hash_in(tmp_path, "job.py")
    write(tmp_path, {"job.py": "def"})
    with pytest.raises(SyntaxError, match=r"job\.py"):
        hash_in(tmp_path, "job.py")


def test_versions_of_python_agree_on_the_canonical_text():
    """3.12 adds empty strings to some f-strings and a field for type parameters; 3.13 leaves empty fields out."""
    plain, changed = (ast.parse("def f():\n    return f'{x:>{y}}'") for _ in range(2))
    changed.body[0]._fields, changed.body[0].type_params = (*ast.FunctionDef._fields, "type_params"), []
    changed.body[0].body[0].value.values[0].format_spec.values.append(ast.Constant(""))
    del changed.body[0].returns
    assert syntax.canonical(changed) == syntax.canonical(plain)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{**a}", "{None: a}"),
        ("1", "True"),
        ("1", "1.0"),
        ("'1'", "1"),
        ("'a'", "b'a'"),
        ("f(a)", "f(*a)"),
        ("f('')", "f()"),
        ("lambda a, /: a", "lambda a: a"),
        ("lambda *, a=None, b: a", "lambda *, a, b=None: a"),
        ("f'{x!r}'", "f'{x}'"),
        ("f'{x}{y}'", "f'{x} {y}'"),
        ("f'{x:.2f}'", "f'{x:.3f}'"),
        ("x[1:]", "x[:1]"),
        ("a < b < c", "a < b and b < c"),
    ],
)
def test_different_code_has_different_canonical_texts(one, other):
    assert syntax.canonical(ast.parse(one)) != syntax.canonical(ast.parse(other))


# Random libraries, in which a function of one module calls functions of later modules, in one of several ways.

CALLS = [
    ("from library.m{0} import f{0}", "f{0}()"),
    ("from .m{0} import f{0} as g{0}", "g{0}()"),
    ("from library.all import f{0}", "f{0}()"),
    ("from library import m{0}", "m{0}.f{0}()"),
    ("from . import m{0} as n{0}", "n{0}.f{0}()"),
    ("import library.m{0}", "library.m{0}.f{0}()"),
    ("import library.m{0} as n{0}", "n{0}.f{0}()"),
]


@st.composite
def libraries(draw):
    """For each function: the functions that it calls, how, and whether it imports them itself."""
    count = draw(st.integers(2, 6))
    ways = st.tuples(st.sampled_from(CALLS), st.booleans())
    return [
        draw(st.dictionaries(st.sampled_from(range(caller + 1, count)), ways, max_size=3)) if caller + 1 < count else {}
        for caller in range(count)
    ]


def module(library, number, constant):
    """A function that counts, and one that nothing calls, which calls everything."""
    calls = [(line.format(each), call.format(each), inside) for each, ((line, call), inside) in library[number].items()]
    later = range(number + 1, len(library))
    lines = [
        *(line for line, _, inside in calls if not inside),
        f"def f{number}():",
        *(f"    {line}" for line, _, inside in calls if inside),
        f"    return {' + '.join([str(constant), *(call for _, call, _ in calls)])}",
        f"def unused{number}():",
        *(f"    from library.m{each} import f{each}, unused{each}" for each in later),
        f"    return {' + '.join(['0', *(f'f{each}() + unused{each}()' for each in later)])}",
    ]
    return "\n".join(lines)


def called(library, caller=0):
    return {caller}.union(*(called(library, each) for each in library[caller]))


@given(library=libraries(), data=st.data())
def test_the_hash_changes_exactly_where_a_function_changes_that_the_job_calls(tmp_path_factory, library, data):
    folder = tmp_path_factory.mktemp("random")
    names = [f"from library.m{number} import f{number}" for number in range(len(library))]
    write(folder, {"job.py": "from library import m0\nm0.f0()\n", "library/all.py": "\n".join(names)})
    write(folder, {f"library/m{number}.py": module(library, number, 1) for number in range(len(library))})
    before = hash_in(folder, "job.py")
    edited = data.draw(st.sampled_from(range(len(library))))
    write(folder, {f"library/m{edited}.py": module(library, edited, 2)})
    assert (hash_in(folder, "job.py") != before) == (edited in called(library))

"""Plug-ins in files outside the repository: which files are taken, and which are refused with a message."""

import ast
import copy
import os

import pytest
import torch
import yaml

from unlearning.config import outside
from unlearning.config.experiment import OUTSIDE_FILES, remember_files
from unlearning.config.job_code import code_of_job, codes_of_results
from unlearning.config.load import ConfigError, load_experiment, read_yaml
from unlearning.config.messages import violations
from unlearning.data.description import describe_dataset
from unlearning.networks import generative
from unlearning.plugins import describe
from unlearning.plugins.describe import describe_plugin, plugin_names
from unlearning.plugins.load import load_plugin
from unlearning.plugins.outside import VARIABLE
from unlearning.reporting.rows import rows
from unlearning.runtime import code_hash

from ...clone import ROOT, set_key
from .test_load import root  # noqa: F401

DIGITS = read_yaml("configs/digits.yaml")
MODEL = """
import torch
PARAMETERS = {"size": {"type": "integer", "minimum": 1}}
class Base(torch.nn.Module):
    def losses(self, images, noise, target=None): pass
    def latents(self, count, generator): pass
    loss_noise = latents
class Model(Base):
    def __init__(self, image_shape, size):
        super().__init__()
        self.layer = torch.nn.Linear(size, size)
    def samples(self, latents): pass
"""
METHOD = 'TITLE = "My method"\nPARAMETERS = {"pull": {"type": "number"}}\ndef direction(step, pull): pass\n'
DATA = (ROOT / "scripts/unlearning/datasets/digits.py").read_text()
NO_CLASSES = 'DATASET = {"image_shape": [8, 8]}\ndef fetch(raw, source): pass\ndef read(raw): pass\n'
OF_MODEL, OF_DATA = {"file": "my_model.py", "size": 3}, {"file": "my_data.py"}
OF_METHOD = {"file": "my_method.py", "pull": 0.5}


def forget():
    for cached in (describe_plugin, describe.completes, describe.method_heading, describe_dataset):
        cached.cache_clear()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with files of a user, in a process that knows no files yet."""
    forget()
    monkeypatch.setenv(VARIABLE, "{}")
    monkeypatch.chdir(tmp_path)
    for name, text in {"my_model": MODEL, "my_method": METHOD, "my_data": DATA}.items():
        (tmp_path / f"{name}.py").write_text(text)
    yield tmp_path
    forget()


@pytest.fixture
def load(root, folder):  # noqa: F811
    """Load an experiment with keys set, or deleted where the value is ...; nested ones with a double underscore."""

    def load(**changes):
        experiment = copy.deepcopy(DIGITS)
        for path, value in changes.items():
            set_key(experiment, path.split("__"), value)
        (root / "configs" / "own.yaml").write_text(yaml.safe_dump(experiment, sort_keys=False))
        return load_experiment("own", root)

    return load


def test_files_become_plugins_of_their_names(load):
    experiment = load(model=OF_MODEL, methods__strong=OF_METHOD, methods__my_method=OF_METHOD, dataset=OF_DATA)
    assert experiment["model"] == {"my_model": {"size": 3}}
    assert experiment["methods"]["strong"] == {"algorithm": "my_method", "pull": 0.5}
    assert experiment["dataset"] == "my_data"
    assert experiment[OUTSIDE_FILES] == {
        "models": {"my_model": "my_model.py"},
        "datasets": {"my_data": "my_data.py"},
        "methods": {"my_method": "my_method.py"},
    }
    assert describe_dataset("my_data") == describe_dataset("digits")
    assert {"My method", "My method (strong)"} <= {row.name for row in rows(experiment)}
    assert isinstance(generative.build(experiment["model"], [1, 8, 8], 0).layer, torch.nn.Linear)
    assert load_plugin("models", "my_model") is load_plugin("models", "my_model")
    os.environ[VARIABLE] = "{}"  # as in a process that reads finished results
    remember_files(experiment)
    assert describe_dataset.__wrapped__("my_data") == describe_dataset("digits")


def test_a_path_may_be_written_in_several_ways(load, folder):
    load(model=OF_MODEL)
    load(model=OF_MODEL | {"file": f"{folder}/my_model.py"}, proxies={"p": {"dataset": OF_DATA}})
    assert load(model=OF_MODEL | {"file": "./my_model.py"})["model"] == {"my_model": {"size": 3}}


def test_what_files_must_hold_is_in_those_of_the_repository():
    for name in plugin_names("datasets"):
        assert violations(describe_plugin("datasets", name), outside.DATASET) == []
    for name in plugin_names("models"):
        path = ROOT / "scripts" / "unlearning" / "models" / f"{name}.py"
        assert outside._missing_methods(ast.parse(path.read_text())) == []
    inherited = "from unlearning.models import vae\nclass Model(vae.Model): pass\n"
    assert outside._missing_methods(ast.parse(inherited)) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": {"file": "no.py"}}, "model.file = 'no.py': no such file; name a file that is there, from the worki"),
        ({"model": {"file": "lab"}}, "model.file = 'lab': is a folder; name the file in it"),
        ({"model": {"file": "a" * 300}}, "cannot be read: File name too long"),
        ({"model": {"file": ["a"]}}, "model.file = ['a']: must be the path of a Python file"),
        ({"model": {"file": "my_model.txt"}}, "must have a name of letters, digits and _ that ends in .py"),
        ({"model": {"file": "my-model.py"}}, "must have a name of letters, digits and _ that ends in .py"),
        (
            {"model": {"file": "vae.py"}},
            "model.file = 'vae.py': scripts/unlearning/models/vae.py has the same name; ren",
        ),
        ({"model": {"file": "half.py"}}, "half.py, line 2: not valid Python"),
        ({"model": {"file": "latin.py"}}, "latin.py: not UTF-8"),
        ({"model": {"file": "nul.py"}}, "not valid Python: source code string cannot contain null bytes"),
        (
            {"model": {"file": "my_method.py"}},
            "my_method.py: must define Model; docs/add_your_own.md says what the fil",
        ),
        ({"model": {"file": "my_model.py"}}, "model.size: missing"),
        ({"model": OF_MODEL | {"size": 0}}, "model.size = 0: must be at least 1"),
        ({"model": OF_MODEL | {"depth": 1}}, "model.depth = 1: unknown key; allowed: size"),
        (
            {"model": {"file": "needy.py"}},
            "imports helper.py, a file beside it, and no job would run again after a change of that file; put",
        ),
        ({"model": {"file": "mute.py"}}, "mute.py': the class Model lacks loss_noise, losses, latents; docs/add_your_"),
        (
            {"model": {"file": "taken.py", "file_": 1}},
            "PARAMETERS.file: this name is reserved for a key of the configuration",
        ),
        ({"methods__own": {"file": "my_model.py"}}, "methods.own.file = 'my_model.py': "),
        ({"methods__own": OF_METHOD | {"pull": "x"}}, "methods.own.pull = 'x': must be of type number"),
        ({"methods__own": OF_METHOD | {"algorithm": "uno"}}, "methods.own.algorithm = 'uno': the row has 'file', too"),
        (
            {"methods__finetune": OF_METHOD},
            "the row has the name of scripts/unlearning/methods/finetune.py; give it an",
        ),
        (
            {"methods__own": {"file": "other.py"}},
            "direction takes ['w'] besides its first argument, but PARAMETERS has",
        ),
        (
            {"methods__a": OF_METHOD, "methods__b": OF_METHOD | {"file": "lab/my_method.py"}},
            "my_method.py has the same name; rename one of the two files",
        ),
        ({"dataset": {"file": "my_data.py", "size": 3}}, "dataset.size = 3: unknown key; allowed: file"),
        ({"dataset": {"file": "my_model.py"}}, "dataset.file = 'my_model.py': "),
        ({"dataset": {"file": "no_classes.py"}}, "DATASET: name: missing; add it; title: missing; "),
        ({"dataset": {"fil": "my_data.py"}}, "dataset = {'fil': 'my_data.py'}: must be one of"),
    ],
)
def test_what_is_wrong_is_one_message(load, folder, changes, said):
    (folder / "lab").mkdir()
    (folder / "lab" / "my_method.py").write_text(METHOD)
    (folder / "latin.py").write_bytes("# Größe".encode("latin-1"))
    (folder / "nul.py").write_bytes(b"a = 1\0")
    (folder / "helper.py").touch()
    files = {
        "my_model.txt": MODEL,
        "my-model.py": MODEL,
        "vae.py": MODEL,
        "half.py": "\nPARAMETERS = {\n",
        "needy.py": f"def load():\n    from .helper import x\n{MODEL}",
        "mute.py": MODEL.replace("Model(Base)", "Model(torch.nn.Module)"),
        "taken.py": MODEL.replace('"size"', '"file"'),
        "other.py": "PARAMETERS = {}\ndef direction(step, w): pass\n",
        "no_classes.py": NO_CLASSES,
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    with pytest.raises(ConfigError) as error:
        load(**changes)
    assert said in str(error.value)
    assert str(error.value).startswith(("configs/own.yaml: ", f"{folder}/taken.py: "))


def test_an_edit_changes_the_code_of_the_jobs_that_use_the_file(load, folder):
    experiment = load(model=OF_MODEL, methods__own=OF_METHOD)

    def changed(name, text):
        before = codes_of_results(experiment)
        (folder / name).write_text(text)
        code_hash.hash_of_file.cache_clear()
        after = codes_of_results(experiment)
        return {job for job in after if after[job] != before[job]}

    assert changed("my_method.py", METHOD.replace("def", "# A comment.\ndef").replace("My", "Your")) == set()
    assert changed("my_method.py", METHOD.replace("pass", "return 1")) == {"unlearn/own"}
    assert changed("my_model.py", MODEL.replace('"minimum": 1', '"minimum": 2')) == set()
    assert changed("my_model.py", MODEL.replace('"minimum": 1', '"minimum": 2') + "PARAMETERS['size']\n") >= {"train"}
    of_model = {"train", "unlearn/own", "unlearn/finetune", "build_reference", "evaluate"}
    assert changed("my_model.py", MODEL.replace("(size, size)", "(size, 2)")) >= of_model


def test_library_code_that_a_file_uses_counts(load, folder, monkeypatch):
    (folder / "my_method.py").write_text(
        f"from unlearning.training.vectors import flatten\n{METHOD.replace('pass', 'flatten(step)')}"
    )
    experiment = load(methods__own=OF_METHOD)
    (statements,) = [code_hash._follow(("unlearning.training.vectors", ("flatten",)))[0]]
    before = code_of_job("unlearn", experiment, row="own")
    for statement in statements:
        monkeypatch.setitem(vars(statement), "digest", "another")
    code_hash.hash_of_file.cache_clear()
    assert code_of_job("unlearn", experiment, row="own") != before

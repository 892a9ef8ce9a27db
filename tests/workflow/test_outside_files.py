"""A model, a method and a data set in a user's own files outside the repository: unlearned, judged, exported."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from unlearning.io.tensors import read_tensors

from ..clone import OF_ONE_ORIGINAL, Clone
from ..documents import file_of

METHOD = '''
"""Ascent at a strength."""

TITLE = "Strong ascent"
PARAMETERS = {"strength": {"type": "number", "description": "factor"}}


def direction(step, strength):
    return -strength * step.forget.gradient
'''
DATA = '''
"""The digits again, under another name."""

from unlearning.datasets import digits

DATASET = digits.DATASET


def fetch(raw, source):
    digits.fetch(raw, source)


def read(raw):
    return digits.read(raw)
'''


def own_class(path):
    """The network of the user's file, as the user's own code gets it."""
    specification = importlib.util.spec_from_file_location("elsewhere", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.MyVae(16), module.Model([1, 8, 8], 16)


def train(path):
    """Train the network for some steps, and save the state dicts of the network and of Adam beside it."""
    torch.manual_seed(0)
    network, model = own_class(path)
    images = torch.tensor(load_digits().images / 16, dtype=torch.float32)[:, None]
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(20):
        optimiser.zero_grad()
        model.losses(images, torch.randn(len(images), 2)).mean().backward()
        optimiser.step()
    network.load_state_dict(model.state_dict())
    torch.save(network.state_dict(), path.with_suffix(".pth"))
    torch.save(optimiser.state_dict(), path.with_name("adam.pth"))


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("outside")
    made = Clone.make(folder / "clone")
    files = {"my_vae.py": file_of("start_from_a_trained_model", "my_vae.py"), "strong.py": METHOD, "own.py": DATA}
    for name, text in files.items():
        (folder / name).write_text(text)
    train(folder / "my_vae.py")
    made.write_experiment(
        dataset={"file": "../own.py"},
        model={"file": str(folder / "my_vae.py"), "width": 16},
        original={"weights": {"file": "../my_vae.pth"}, "moments": {"file": "../adam.pth"}},
        methods={"finetune": {"optimizer": "adam_warm"}, "strongly": {"file": "../strong.py", "strength": 2.0}},
        **OF_ONE_ORIGINAL,
    )
    return made


def test_the_exported_model_loads_in_the_user_s_own_class(clone):
    clone.run("--cores", "2", "export", "all")
    folder, own = clone.path / "results" / "tiny", clone.path.parent
    before, _ = own_class(own / "my_vae.py")
    after, _ = own_class(own / "my_vae.py")
    before.load_state_dict(torch.load(own / "my_vae.pth", weights_only=True))
    after.load_state_dict(torch.load(folder / "export" / "seed0" / "strongly.pth", weights_only=True))
    assert not torch.equal(before.decode[0].weight, after.decode[0].weight)
    assert "| Strong ascent (strongly) |" in (folder / "table.md").read_text()
    assert "Strong ascent" in (folder / "export" / "seed0" / "strongly.pth.md").read_text()
    assert str(own) not in (folder / "seed0" / "strongly" / "record.json").read_text().replace(sys.prefix, "")
    moments, _ = read_tensors(folder / "seed0" / "original" / "optimizer.safetensors")
    state = torch.load(own / "adam.pth", weights_only=True)["state"]
    assert moments["step"] == 20
    assert np.array_equal(moments["encode.1.weight.exp_avg"], state[0]["exp_avg"].numpy())
    code = "from unlearning.reporting.results import *; print(Results.of_folder(Path('results/tiny')).baselines)"
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, 'scripts'); {code}"]
    done = subprocess.run(command, cwd=clone.path, capture_output=True, text=True, check=True)
    assert done.stdout == "['finetune']\n"


def test_an_edit_of_a_file_runs_its_jobs_again(clone):
    clone.run("--cores", "2", "export", "all")
    assert clone.pending("export", "all") == {}
    path = clone.path.parent / "strong.py"
    path.write_text("# A comment.\n" + METHOD)
    assert clone.pending("export", "all") == {}
    path.write_text(METHOD.replace("-strength", "-2 * strength"))
    pending = clone.pending("results/tiny/seed0/finetune/metrics.json", "results/tiny/seed0/strongly/metrics.json")
    assert pending == {"unlearn": 1, "evaluate": 1}

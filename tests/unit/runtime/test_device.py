"""A GPU that is full from the start: every script that computes on one says which key to lower."""

import importlib
import inspect
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from unlearning.data.dataset import Dataset
from unlearning.data.forget_set import ForgetSet
from unlearning.networks.classifier import Classifier
from unlearning.runtime.device import explain_out_of_memory, prepare_device

SETTINGS = {"batch_size": 32, "samples": 32, "algorithm": "finetune", "hidden_units": [4], "seed": 0}
ANY_FILE = Path(__file__)
JOBS = {
    "train": ("training.batch_size", {"method": "original", "training": SETTINGS}),
    "train_classifier": ("judge.batch_size", {"classifier": "judge"}),
    "unlearn": ("unlearning.batch_size", {"method": "finetune"}),
    "build_reference": (None, {"retrained": [], "samples": 32}),
    "evaluate": (None, {"method": "retrain", **dict.fromkeys(("model", "reference"), ANY_FILE)}),
}


@pytest.fixture
def arguments(tmp_path):
    """By name, what the scripts read and are told; anything else they take is a file to be written."""
    labels, train = np.arange(8) % 2, np.arange(8) < 6
    images, attributes = np.zeros((8, 1, 4, 4), np.uint8), np.empty((8, 0), np.uint8)
    files = {name: tmp_path / name for name in ("dataset", "forget_set", "judge", "original")}
    Dataset(images, labels, attributes, train, ["even", "odd"], []).save(files["dataset"])
    ForgetSet([0], [1, 2, 3], [6], [7], [], []).save(files["forget_set"], {"indices": [0]})
    for name in ("judge", "original"):
        Classifier([1, 4, 4], 2, [4]).save(files[name], [1, 4, 4])
    absent = ("guide", "weights", "moments", "proxy", "attribute", "other_seed", "elbo_draws", "expected_settings")
    absent += ("steps", "measurements")
    told = {"experiment": "tiny", "device": "cpu", "code": "", "seed": 0, "seeds": [], "settings": SETTINGS}
    return {**files, **told, **dict.fromkeys(absent), "architecture": {"vae": {}}}


@pytest.mark.parametrize("kind", [torch.OutOfMemoryError, torch.AcceleratorError])
@pytest.mark.parametrize("script", JOBS)
def test_data_that_do_not_fit_on_the_gpu_are_explained(arguments, tmp_path, monkeypatch, script, kind):
    def full(array):
        raise kind("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(torch, "from_numpy", full)
    key, own = JOBS[script]
    main = importlib.import_module(script).main
    outputs = {name: tmp_path / "outputs" / name for name in inspect.signature(main).parameters}
    given = outputs | {name: value for name, value in (arguments | own).items() if name in outputs}
    where, cure = (
        (f" with {key} = 32", f"If not, set {key} to 16 or less in ") if key else ("", "If not, take a larger")
    )
    with pytest.raises(RuntimeError, match=f"the GPU ran out of memory{where}: CUDA out of memory") as error:
        main(**given)
    for part in ("gpu_slots: 1", cure, "take a larger GPU"):
        assert part in str(error.value)
    assert not (tmp_path / "outputs").exists()


def test_a_gpu_that_is_full_before_the_first_image_is_explained_and_other_errors_are_left_alone(monkeypatch):
    def full(device):
        raise torch.AcceleratorError("CUDA error: out of memory")

    card = SimpleNamespace(uuid="GPU-1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: card)
    monkeypatch.setattr(torch.cuda, "set_device", full)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    monkeypatch.setattr(torch, "use_deterministic_algorithms", lambda switch: None)
    monkeypatch.setattr("unlearning.runtime.gpus.claim", lambda cards: cards[0])
    with pytest.raises(RuntimeError, match=r"the GPU ran out of memory: CUDA error: out of memory\n.*gpu_slots: 1"):
        prepare_device("cuda")
    with pytest.raises(RuntimeError, match=r"^shapes differ$"), explain_out_of_memory("training.batch_size", 2):
        raise RuntimeError("shapes differ")

"""A GPU that is full from the start: every script that computes on one says which key to lower."""

import importlib
import inspect
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from unlearning.data.dataset import Dataset
from unlearning.data.forget_set import ForgetSet
from unlearning.io.files import sha256_of, write_json
from unlearning.io.tensors import write_tensors
from unlearning.networks import generative
from unlearning.networks.classifier import Classifier, Ensemble
from unlearning.runtime.device import explain_out_of_memory, prepare_device

SETTINGS = {
    "algorithm": "finetune",
    "batch_size": 32,
    "hidden_units": [4],
    "retain_images": "retain",
    "samples": 32,
    "seed": 0,
}
ARCHITECTURE = {"vae": {"hidden_units": 4, "latent_dimensions": 2}}
JOBS = {  # key to lower, and names of the files to write
    "train": ("training.batch_size", {"model", "optimizer", "losses", "record"}),
    "train_classifier": ("judge.batch_size", {"model", "accuracy", "losses"}),
    "unlearn": ("unlearning.batch_size", {"model", "steps", "measurements", "transformation", "record"}),
    "build_reference": (None, {"reference"}),
    "evaluate": (None, {"metrics", "samples"}),
    "evaluate_density": (None, {"metrics", "samples"}),
}


@pytest.fixture
def arguments(tmp_path):
    """Arguments of all scripts, by name: files to read, and settings."""
    names = ("dataset", "forget_set", "judge", "original", "reference", "record")
    files = {name: tmp_path / name for name in names}
    labels, train = np.arange(8) % 2, np.arange(8) < 6
    images, attributes = np.zeros((8, 1, 4, 4), np.uint8), np.empty((8, 0), np.uint8)
    Dataset(images, labels, attributes, train, ["even", "odd"], []).save(files["dataset"])
    ForgetSet([0], [1, 2, 3], [6], [7], [], []).save(files["forget_set"], {"indices": [0]})
    Ensemble([Classifier([1, 4, 4], 2, [4])]).save(files["judge"], [1, 4, 4])
    generative.save(generative.build(ARCHITECTURE, [1, 4, 4], 0), ARCHITECTURE, [1, 4, 4], files["original"])
    features = {f"{name}.features": np.zeros((3, 4), np.float32) for name in ("retain", "forget")}
    write_tensors(files["reference"], features, {"seeds": []})
    record = {"config_sha256": sha256_of(SETTINGS), "seed": 0, "status": "finished"}
    write_json(files["record"], record)
    absent = (
        "guide",
        "weights",
        "moments",
        "proxy",
        "attribute",
        "other_seed",
        "steps",
        "measurements",
        "transformation",
    )
    settings = {"settings": SETTINGS, "training": SETTINGS, "architecture": ARCHITECTURE, "elbo": {}}
    names = {"experiment": "tiny", "method": "original", "classifier": "judge", "device": "cpu", "code": ""}
    numbers = {
        "running_statistics": "retain",
        "seed": 0,
        "seeds": [],
        "seeds_of_originals": [],
        "samples": 32,
        "label_samples": None,
        "retrained": [],
    }
    return {**files, "model": files["original"], **settings, **names, **numbers, **dict.fromkeys(absent)}


@pytest.mark.parametrize("kind", [torch.OutOfMemoryError, torch.AcceleratorError])
@pytest.mark.parametrize("script", JOBS)
def test_data_that_do_not_fit_on_the_gpu_are_explained(arguments, tmp_path, monkeypatch, script, kind):
    def full(array):
        raise kind("CUDA out of memory. Tried to allocate 2.00 GiB.")

    (key, outputs), module = JOBS[script], importlib.import_module(script)
    names = set(inspect.signature(module.main).parameters)
    if "inputs" in names:  # they are keyword arguments of another function
        takes_inputs = module.load_inputs if hasattr(module, "load_inputs") else module.Inputs
        names = names - {"inputs"} | set(inspect.signature(takes_inputs).parameters) - {"network"}
    values = {name: arguments[name] for name in names - outputs}
    values |= {name: tmp_path / "outputs" / name for name in outputs}
    monkeypatch.setattr(torch, "from_numpy", full)
    where, cure = (
        (f" with {key} = 32", f"If not, set {key} to 16 or less in ") if key else ("", "If not, take a larger")
    )
    with pytest.raises(RuntimeError, match=f"the GPU ran out of memory{where}: CUDA out of memory") as error:
        module.main(**values)
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

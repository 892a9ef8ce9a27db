"""Log-probabilities of real images, in closed form, and from the files of a run to its metrics."""

import math

import numpy as np
import pytest
import torch
from scipy.special import stdtrit

import evaluate_density
from unlearning.data.dataset import Dataset
from unlearning.data.forget_set import ForgetSet
from unlearning.evaluation.density import DRAWS, MOST_IMAGES, DensityEvidence, different, group_log_probabilities
from unlearning.evaluation.evidence import Value
from unlearning.io.files import read_json, write_json
from unlearning.io.tensors import write_tensors
from unlearning.metrics.flow_likelihood import mean_over_draws
from unlearning.networks import generative
from unlearning.networks.classifier import Classifier, Ensemble
from unlearning.plugins.load import load_plugin

from ..metrics.runs import evidence

SHAPE = [1, 4, 4]
MODEL = {
    "unconditional_dit": {
        **{"classes": 3, "patch": 2, "width": 8, "depth": 1, "heads": 2},
        **{"objective": "flow", "sampler": "euler", "sampling_steps": 2},
    }
}


def fresh_model():
    """A new transformer predicts 0, so that its flow stands still and its density is the standard normal one."""
    return generative.build(MODEL, SHAPE, seed=0).eval()


def bits(images):
    """Bits per dimension of uint8 images under the standard normal density, in closed form: E (x + u)² = x² + w²/12."""
    width = 2 / 255
    squares = (images * width - 1) ** 2 + width**2 / 12
    nats = squares / 2 + math.log(2 * math.pi) / 2 - math.log(width)
    return float(nats.mean() / math.log(2))


def pictures(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *SHAPE), dtype=np.uint8)


def test_probabilities_of_a_standing_flow_are_those_of_the_normal_density():
    images = pictures(20)
    groups = {"forget": [0, 1], "retain": [2, 3], "heldout_forget": [], "heldout_retain": list(range(4, 20))}
    found = group_log_probabilities(fresh_model(), torch.from_numpy(images), groups)
    assert {group: array.shape for group, array in found.items()} == {
        "forget": (2, DRAWS),
        "heldout_retain": (16, DRAWS),
    }
    everything = DensityEvidence(**vars(evidence()) | {"log_probabilities": found, "data": dataset(images)})
    values = load_plugin("metrics", "flow_likelihood").compute(everything)
    for group, array in found.items():
        expected = bits(images[groups[group]])
        value = values[f"flow_bits_{group}"]
        assert value.value == pytest.approx(expected, abs=2e-3)
        assert value.low < value.value < value.high
        assert array.std(1).max() < 0.2, "only the dequantisation differs between draws"


def test_a_group_without_images_has_no_value():
    groups = {"forget": [0], "retain": [1], "heldout_forget": [], "heldout_retain": []}
    found = group_log_probabilities(fresh_model(), torch.from_numpy(pictures(2)), groups)
    everything = DensityEvidence(**vars(evidence()) | {"log_probabilities": found})
    values = load_plugin("metrics", "flow_likelihood").compute(everything)
    assert values["flow_bits_heldout_retain"] == Value(None)
    assert values["flow_bits_forget"].value is not None


def test_copies_count_once_and_images_are_spread_out():
    images = torch.from_numpy(pictures(40))
    assert len(different(images[:1].expand(606, -1, -1, -1))) == 1
    assert len(different(images)) == MOST_IMAGES
    assert torch.equal(different(images)[[0, -1]], images[[0, -1]])


def test_the_interval_is_that_of_the_draws():
    values = np.random.default_rng(0).normal(size=(5, 8)) + np.arange(5)[:, None]
    value = mean_over_draws(values)
    of_draws = values.mean(0)
    half = stdtrit(7, 0.975) * of_draws.std(ddof=1) / math.sqrt(8)
    assert value == Value(*(pytest.approx(of_draws.mean() + each) for each in (0, -half, half)))


def test_a_diverged_run_has_no_probabilities():
    assert not DensityEvidence(**vars(evidence())).has("log_probabilities")
    assert DensityEvidence(**vars(evidence())).has("samples")


def dataset(images, train=4):
    count = len(images)
    return Dataset(
        images=images,
        labels=np.array([2, 2, *([0, 1] * count)])[:count],
        attributes=np.empty((count, 0), np.uint8),
        train=np.arange(count) < train,
        classes=["a", "b", "copy"],
        attribute_names=[],
    )


@pytest.fixture
def files(tmp_path):
    """The files of a run that left a fresh model: two copies to forget, two images to keep, four held out."""
    images = pictures(8)
    images[:2] = 120
    dataset(images).save(tmp_path / "prepared.safetensors")
    selection = ForgetSet([0, 1], [2, 3], [], [4, 5, 6, 7], [], [2])
    selection.save(tmp_path / "forget_set.json", {"classes": ["copy"]})
    torch.manual_seed(0)
    Ensemble([Classifier(SHAPE, classes=3, hidden_units=[5])]).save(tmp_path / "judge.safetensors", SHAPE)
    features = {f"{group}.features": np.zeros((2, 5), np.float32) for group in ("retain", "forget")}
    write_tensors(tmp_path / "reference.safetensors", features, {"seeds": [], "draws": None, "noise_share": None})
    generative.save(fresh_model(), MODEL, SHAPE, tmp_path / "model.safetensors")
    record = dict.fromkeys(("config_sha256", "code", "device", "gpu", "gpu_uuid", "threads", "peak_memory_mib"))
    identity = {"experiment": "tiny", "method": "original", "seed": 0, "status": "finished", "environment": {}}
    write_json(tmp_path / "record.json", record | identity)
    names = {"dataset": "prepared.safetensors", "forget_set": "forget_set.json", "record": "record.json"}
    names |= {name: f"{name}.safetensors" for name in ("judge", "reference", "model")}
    none = dict.fromkeys(("guide", "weights", "steps", "measurements", "transformation"))
    return images, {name: tmp_path / file for name, file in names.items()} | none


def test_both_metrics_of_the_benchmark_come_out_of_the_files_of_a_run(files, tmp_path):
    images, inputs = files
    evaluate_density.main(
        settings={"samples": 40, "metrics": ["duplicate_frequency", "flow_likelihood"]},
        other_seed=None,
        attribute=None,
        device="cpu",
        code="",
        metrics=tmp_path / "metrics.json",
        samples=tmp_path / "samples.npz",
        **inputs,
    )
    metrics = read_json(tmp_path / "metrics.json")["metrics"]
    assert metrics["flow_bits_forget"]["value"] == pytest.approx(bits(images[:1]), abs=5e-3)
    assert metrics["flow_bits_heldout_retain"]["value"] == pytest.approx(bits(images[4:]), abs=5e-3)
    samples = np.load(tmp_path / "samples.npz")["images"]  # fewer than are stored at most: all of them
    distances = np.sqrt(((samples - images[0].astype(float)) ** 2).reshape(40, -1).mean(1)) / 255
    expected = 100 * (distances < 10 / 28).mean()
    assert 0 < expected < 100, "the images are not all near to the copy, and not all far"
    assert metrics["duplicate_frequency"]["value"] == pytest.approx(expected)

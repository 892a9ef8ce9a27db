"""The nearest training images of samples, against a table of all distances by SciPy."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

import evaluate
from unlearning.data.dataset import Dataset
from unlearning.evaluation.evidence import SampleSet
from unlearning.metrics import originality

from .runs import compute, evidence

COUNTS = {"forget": 13, "retain": 22}


@pytest.fixture(scope="module")
def known():
    """Forty pictures of 2×2 in any order, of which five belong to no group, and thirty samples."""
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (40, 1, 2, 2), dtype=np.uint8)
    order = generator.permutation(40)
    groups = {"forget": order[:13].tolist(), "retain": order[13:35].tolist()}
    features = generator.normal(size=(40, 3)).astype(np.float32)
    samples = SampleSet(generator.normal(size=(30, 3)).astype(np.float32), np.zeros(30, int), np.array([[30, 0, 0]]))
    images = generator.integers(0, 256, (30, 1, 2, 2), dtype=np.uint8)
    images[4] = pixels[groups["forget"][6]]  # a copy
    data = Dataset(pixels, np.zeros(40, int), np.empty((40, 0), np.uint8), np.ones(40, bool), ["a", "b", "c"], [])
    return {
        "data": data,
        "groups": groups | {"heldout_forget": [], "heldout_retain": []},
        "images": images,
        "samples": samples,
        "forget_features": features[groups["forget"]],
        "retain_features": features[groups["retain"]],
    }


@pytest.mark.parametrize("distance", ["pixels", "features"])
@pytest.mark.parametrize("block", [7, 1000])
def test_the_nearest_images_and_their_shares(known, monkeypatch, distance, block):
    monkeypatch.setattr(originality, "BLOCK", block)
    values = compute("originality", **known)
    pixels, groups = known["data"].images, known["groups"]
    if distance == "pixels":
        real = {name: pixels[groups[name]].reshape(-1, 4) / 255 for name in COUNTS}
        table = {name: cdist(known["images"].reshape(-1, 4) / 255, real[name]) for name in COUNTS}
    else:
        table = {name: cdist(known["samples"].features, known[f"{name}_features"]) for name in COUNTS}
    least = {name: distances.min(1) for name, distances in table.items()}
    share = values[f"nearest_is_forgotten_{distance}"]
    assert share.value == pytest.approx(100 * (least["forget"] < least["retain"]).mean())
    assert 0 < share.low < share.value < share.high < 100
    nearest = np.median(np.minimum(least["forget"], least["retain"]))
    assert values[f"nearest_image_{distance}"].value == pytest.approx(nearest, rel=1e-5)
    suspects = np.argsort(least["forget"] / least["retain"])
    shown = [0, 1, *[place for place in suspects if place > 1][:2]]
    np.testing.assert_array_equal(values[f"{distance}.samples"], known["images"][shown])
    for name in COUNTS:
        expected = [pixels[groups[name][place]] for place in table[name][shown].argmin(1)]
        np.testing.assert_array_equal(values[f"{distance}.{name}"], expected)
        assert values[f"{distance}.{name}_distance"] == pytest.approx(least[name][shown], abs=1e-5)


def test_a_copy_of_an_image_to_forget_is_shown_first(known):
    values = compute("originality", **known)
    assert values["pixels.forget_distance"][2] == pytest.approx(0, abs=1e-6)
    np.testing.assert_array_equal(values["pixels.samples"][2], values["pixels.forget"][2])


def test_fewer_samples_than_the_figure_shows(known):
    one = SampleSet(known["samples"].features[:1], np.zeros(1, int), np.array([[1, 0, 0]]))
    values = compute("originality", **known | {"samples": one, "images": known["images"][:1]})
    assert len(values["features.samples"]) == len(values["features.retain_distance"]) == 1


def test_the_arrays_are_stored_under_the_name_of_the_file(known):
    values, arrays = evaluate.compute_metrics(["forget_fraction", "originality"], evidence(**known))
    assert set(values) == {"forget_fraction", *originality.METRICS}
    assert arrays["originality.pixels.forget"].shape == (4, 1, 2, 2)
    assert set(arrays) == {
        f"originality.{distance}.{name}"
        for distance in ("pixels", "features")
        for name in ("samples", "forget", "forget_distance", "retain", "retain_distance")
    }

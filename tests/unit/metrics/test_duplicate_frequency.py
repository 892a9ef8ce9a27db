"""The share of copies is that of the benchmark, and its interval is Wilson's."""

import numpy as np
import pytest
from scipy.stats import binomtest

from unlearning.data.dataset import Dataset

from .runs import GROUPS, LABELS, compute

SIDE = 28


def share(samples, forgotten):
    """The metric for samples and for images to forget, each (n, 1, 28, 28) uint8."""
    images = np.concatenate([forgotten, np.zeros((8 - len(forgotten), 1, SIDE, SIDE), np.uint8)])
    data = Dataset(images, LABELS, np.empty((8, 0), np.uint8), np.arange(8) < 4, ["a", "b", "c"], [])
    values = compute("duplicate_frequency", images=samples, data=data, groups=GROUPS)
    return values["duplicate_frequency"]


def test_copies_are_counted_as_the_released_code_counts_them():
    """‖sample − T-shirt‖₂ < 10, pixels from 0 to 1, written out once more."""
    generator = np.random.default_rng(0)
    tshirt = generator.integers(0, 256, (1, 1, SIDE, SIDE), dtype=np.uint8)
    noise = generator.normal(size=(200, 1, SIDE, SIDE)) * generator.uniform(0, 160, (200, 1, 1, 1))
    samples = (tshirt + noise).clip(0, 255).astype(np.uint8)
    distances = np.linalg.norm((samples / 255 - tshirt / 255).reshape(200, -1), axis=1)
    count = int((distances < 10).sum())
    assert 20 < count < 180
    value = share(samples, np.repeat(tshirt, 2, axis=0))
    assert value.value == pytest.approx(100 * count / 200)
    low, high = binomtest(count, 200).proportion_ci(method="wilson")
    assert (value.low, value.high) == pytest.approx((100 * low, 100 * high), rel=1e-5)


def test_the_limit_does_not_belong_to_a_copy():
    """One hundred pixels that differ by one are at the distance 10 exactly; 99 are nearer."""
    tshirt = np.zeros((2, 1, SIDE, SIDE), np.uint8)
    samples = np.zeros((2, 1, SIDE * SIDE), np.uint8)
    samples[0, 0, :100], samples[1, 0, :99] = 255, 255
    assert share(samples.reshape(2, 1, SIDE, SIDE), tshirt).value == 50


def test_a_copy_of_any_forgotten_image_counts():
    forgotten = np.stack([np.full((1, SIDE, SIDE), level, np.uint8) for level in (40, 250)])
    assert share(np.concatenate([forgotten, np.full((2, 1, SIDE, SIDE), 145, np.uint8)]), forgotten).value == 50

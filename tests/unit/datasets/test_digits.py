"""The digits are those of scikit-learn, with a fixed split."""

import hashlib

import numpy as np
import pytest
from sklearn.datasets import load_digits

from unlearning.data.description import describe_dataset
from unlearning.datasets import digits


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    digits.fetch(folder, None)
    return folder


@pytest.fixture(scope="module")
def dataset(raw):
    return digits.read(raw)


def test_digits_are_those_of_scikit_learn(dataset):
    original = load_digits()
    ours = {(image.tobytes(), label) for image, label in zip(dataset.images[:, 0], dataset.labels, strict=True)}
    rounded = np.rint(original.images * 255 / 16).astype(np.uint8)
    assert ours == {(image.tobytes(), label) for image, label in zip(rounded, original.target, strict=True)}
    assert len(dataset.labels) == 1797


def test_digits_are_as_their_file_describes_them(dataset):
    description = describe_dataset("digits")
    assert list(dataset.images.shape[1:]) == description["image_shape"]
    assert np.bincount(dataset.labels[dataset.train]).tolist() == description["train_images"]
    assert np.bincount(dataset.labels[~dataset.train]).tolist() == description["heldout_images"]
    assert description["licence"]
    assert description["source"]


def test_the_training_split_comes_first(dataset):
    assert not np.any(np.diff(dataset.train.astype(int)) > 0)


def test_the_split_is_fixed_for_good(dataset):
    content = dataset.images[dataset.train].tobytes() + dataset.labels.astype("<i8").tobytes()
    assert hashlib.sha256(content).hexdigest()[:16] == "d5e420945e5a7e04"

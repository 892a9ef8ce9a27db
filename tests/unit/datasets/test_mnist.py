"""MNIST and the data sets in its format: checksums that torchvision publishes, and the real images."""

import hashlib
import shutil

import numpy as np
import pytest
import torchvision.datasets as torchvision
import torchvision.datasets.utils as torchvision_utils

from unlearning.data.description import describe_dataset
from unlearning.io.downloads import SOURCE_VARIABLE
from unlearning.plugins.load import load_plugin

from ..disk import fetch_on_a_full_disk


@pytest.mark.parametrize("source", ["/elsewhere", "https://example.org"])
def test_a_full_disk_ends_with_its_own_message_and_leaves_nothing(tmp_path, monkeypatch, full_disk, source):
    monkeypatch.setenv(SOURCE_VARIABLE, source)
    monkeypatch.setattr(torchvision_utils, "_get_redirect_url", lambda url, max_hops: url)
    monkeypatch.setattr(torchvision_utils, "_urlretrieve", lambda url, path: shutil.copyfile(url, path))
    assert fetch_on_a_full_disk("mnist", tmp_path / "mnist") == []
    assert full_disk


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "kmnist"])
def test_checksums_are_those_that_torchvision_publishes(name, request):
    kinds = {"mnist": torchvision.MNIST, "fashion_mnist": torchvision.FashionMNIST, "kmnist": torchvision.KMNIST}
    published = dict(kinds[name].resources)
    description = describe_dataset(name)
    assert set(description["files"]) == set(published)
    for file, expected in description["files"].items():
        algorithm, _, checksum = expected.partition(":")
        if algorithm == "md5":
            assert checksum == published[file]
        else:
            source = request.getfixturevalue("mnist_source")
            assert hashlib.md5((source / name / file).read_bytes()).hexdigest() == published[file]


def test_mnist_is_mnist(mnist_source, tmp_path):
    mnist = load_plugin("datasets", "mnist")
    mnist.fetch(tmp_path, str(mnist_source))
    data = mnist.read(tmp_path)
    assert data.images.shape == (70_000, 1, 28, 28)
    for split, key in ((data.train, "train_images"), (~data.train, "heldout_images")):
        assert np.bincount(data.labels[split]).tolist() == mnist.DATASET[key]
    assert data.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.images[data.train].mean() / 255 == pytest.approx(0.1307, abs=1e-4)

"""MNIST and the data sets in its format: checksums that torchvision publishes, and the real images."""

import gzip
import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets as torchvision
import torchvision.datasets.utils as torchvision_utils

from unlearning.data import source_state
from unlearning.data.description import describe_dataset
from unlearning.datasets import fashion_mnist
from unlearning.io.downloads import SOURCE_VARIABLE
from unlearning.plugins.load import load_plugin

from ...miniature import write_idx
from ..disk import fetch_on_a_full_disk


@pytest.mark.parametrize("source", ["/elsewhere", "https://example.org"])
def test_a_full_disk_ends_with_its_own_message_and_leaves_nothing(tmp_path, monkeypatch, full_disk, source):
    monkeypatch.setenv(SOURCE_VARIABLE, source)
    monkeypatch.setattr(torchvision_utils, "_get_redirect_url", lambda url, max_hops: url)
    monkeypatch.setattr(torchvision_utils, "_urlretrieve", lambda url, path: shutil.copyfile(url, path))
    assert fetch_on_a_full_disk("mnist", tmp_path / "mnist") == []
    assert full_disk


@pytest.mark.parametrize("name", ["mnist", "kmnist"])
def test_checksums_are_those_that_torchvision_publishes(name, request):
    kinds = {"mnist": torchvision.MNIST, "kmnist": torchvision.KMNIST}
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


@pytest.fixture(params=["fashion_mnist", "fashion-mnist", "Debian's"])
def fashion_folder(request, tmp_path, monkeypatch):
    """A folder of small files where Fashion-MNIST is looked for, and the source that a user names for it."""
    source = tmp_path / "source"
    folder = source / (request.param if "fashion" in request.param else "debian")
    description, arrays = write_idx(folder)
    contents = {Path(name).stem: gzip.decompress((folder / name).read_bytes()) for name in arrays}
    files = {name: f"sha256:{hashlib.sha256(content).hexdigest()}" for name, content in contents.items()}
    monkeypatch.setitem(fashion_mnist.DATASET, "files", files)
    monkeypatch.setitem(fashion_mnist.DATASET, "classes", description["classes"])
    if folder.name != "debian":
        return folder, str(source)
    monkeypatch.setattr(fashion_mnist, "DEBIAN", str(folder))
    return folder, None


def test_fashion_mnist_is_taken_from_each_folder_and_read_as_written(fashion_folder, tmp_path):
    fashion_mnist.fetch(tmp_path / "raw", fashion_folder[1])
    data = fashion_mnist.read(tmp_path / "raw")
    assert data.labels.tolist() == [0, 1, 2, 1, 0, 2, 0]
    assert data.images.shape == (7, 1, 28, 28)


def test_packed_files_with_a_checksum_are_not_watched(fashion_folder):
    assert source_state.own_files(fashion_folder[0], fashion_mnist.DATASET) == []


def test_fashion_mnist_is_what_torchvision_publishes(mnist_source, tmp_path):
    """The official packed files, by the checksums of torchvision, have the content whose checksums the plug-in has."""
    folder = mnist_source / "fashion-mnist"
    if not folder.is_dir():
        pytest.skip(reason=f"{folder}: is not there")
    for name, checksum in torchvision.FashionMNIST.resources:
        assert hashlib.md5((folder / name).read_bytes()).hexdigest() == checksum
    fashion_mnist.fetch(tmp_path, str(mnist_source))
    data = fashion_mnist.read(tmp_path)
    for split, key in ((data.train, "train_images"), (~data.train, "heldout_images")):
        assert np.bincount(data.labels[split]).tolist() == fashion_mnist.DATASET[key]
    assert data.labels[:5].tolist() == [9, 0, 0, 3, 0]
    assert data.images[data.train].mean() / 255 == pytest.approx(0.2860, abs=1e-4)

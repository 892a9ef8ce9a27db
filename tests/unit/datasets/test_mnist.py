"""MNIST and its kin: the same bytes from anywhere, whole or not at all, and told in what file to look."""

import gzip
import hashlib
import http.server
import shutil
import socket
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets as torchvision
import torchvision.datasets.utils as torchvision_utils

import fetch_dataset
from unlearning.data import idx
from unlearning.data.description import describe_dataset
from unlearning.io import downloads
from unlearning.io.downloads import SOURCE_VARIABLE
from unlearning.plugins.load import load_plugin


def packed(array):
    """An array as a gzipped IDX file: magic number, big-endian sizes, bytes (LeCun's description of the format)."""
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes())


@pytest.fixture
def small(tmp_path):
    """A data set of seven pictures in MNIST's format: its description, and the folder it lies in."""
    generator = np.random.default_rng(0)
    arrays = {
        "train-images-idx3-ubyte.gz": generator.integers(0, 256, (5, 28, 28)),
        "train-labels-idx1-ubyte.gz": np.array([0, 1, 2, 1, 0]),
        "t10k-images-idx3-ubyte.gz": generator.integers(0, 256, (2, 28, 28)),
        "t10k-labels-idx1-ubyte.gz": np.array([2, 0]),
    }
    folder = tmp_path / "source" / "small"
    folder.mkdir(parents=True)
    for name, array in arrays.items():
        (folder / name).write_bytes(packed(array))
    checksums = {name: f"md5:{hashlib.md5((folder / name).read_bytes()).hexdigest()}" for name in arrays}
    return {"name": "small", "source": "a lab", "files": checksums, "classes": ["a", "b", "c"]}, folder, arrays


def test_pictures_and_labels_are_read_as_they_were_written(small, tmp_path):
    described, folder, arrays = small
    raw = tmp_path / "raw"
    downloads.fetch(raw, described, [str(folder)])
    data = idx.read(raw, described)
    np.testing.assert_array_equal(data.images[:5, 0], arrays["train-images-idx3-ubyte.gz"])
    np.testing.assert_array_equal(data.images[5:, 0], arrays["t10k-images-idx3-ubyte.gz"])
    assert data.labels.tolist() == [0, 1, 2, 1, 0, 2, 0]
    assert data.train.tolist() == [True] * 5 + [False] * 2


@pytest.fixture
def mirror(small):
    """A web server that gives out the folder, and what it was asked for."""
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=small[1].parent)

        def do_GET(self):
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()


def test_a_mirror_is_asked_once_and_only_for_what_is_missing(small, mirror, tmp_path):
    described, _, _ = small
    url, asked = mirror
    for _ in range(2):
        downloads.fetch(tmp_path / "raw", described, downloads.mirrors_of("small", url, ["unused"]))
    assert {Path(path).name for path in asked} == set(described["files"])
    (tmp_path / "raw" / "t10k-labels-idx1-ubyte.gz").write_bytes(b"altered")
    asked.clear()
    downloads.fetch(tmp_path / "raw", described, [f"{url}/small/"])
    assert {Path(path).name for path in asked} == {"t10k-labels-idx1-ubyte.gz"}
    assert idx.read(tmp_path / "raw", described).labels[-1] == 0


@pytest.mark.parametrize("how", ["truncated", "altered", "missing"])
def test_a_file_that_is_not_whole_is_refused_and_not_left_behind(small, tmp_path, how):
    described, folder, _ = small
    bad = folder / "train-labels-idx1-ubyte.gz"
    content = bad.read_bytes()
    bad.unlink()
    if how != "missing":
        bad.write_bytes(content[:-3] if how == "truncated" else content[:-1] + b"x")
    with pytest.raises(ValueError, match=r"train-labels-idx1-ubyte\.gz could not be had") as error:
        downloads.fetch(tmp_path / "raw", described, [str(folder)])
    why = ": No such file"
    if how != "missing":
        found = hashlib.md5(bad.read_bytes()).hexdigest()
        why = f": md5 is {found} but should be {described['files'][bad.name][4:]}: truncated or altered\n"
    for part in (f"{bad}{why}", "Put a whole copy there and run again; its source: a lab."):
        assert part in str(error.value)
    for part in (".tmp", "delete", "data_source"):
        assert part not in str(error.value)
    left = {path.name for path in (tmp_path / "raw").iterdir()}
    assert left == {"train-images-idx3-ubyte.gz"}, "what was whole stays, nothing else does"


def test_the_next_mirror_is_tried_where_one_fails(small, tmp_path):
    described, folder, _ = small
    downloads.fetch(tmp_path / "raw", described, ["http://127.0.0.1:9/", str(tmp_path / "nowhere"), str(folder)])
    assert len(list((tmp_path / "raw").iterdir())) == 4


def test_an_unreachable_mirror_is_named(small, tmp_path):
    with pytest.raises(ValueError, match=r"  http://127.0.0.1:9/train-images-idx3-ubyte.gz: .*refused") as error:
        downloads.fetch(tmp_path / "raw", small[0], ["http://127.0.0.1:9/"])
    for part in ("Without a network", "data_source in config.yaml", SOURCE_VARIABLE):
        assert part in str(error.value)


def test_a_mirror_that_stalls_is_named_and_the_next_one_tried(small, tmp_path, monkeypatch):
    described, folder, _ = small
    monkeypatch.setattr(downloads, "PATIENCE", 0.3)
    ended = threading.Event()

    class Stalling(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"abc")
            ended.wait(10)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stalling) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        with pytest.raises(ValueError, match=rf"  {url}train-images-idx3-ubyte.gz: stalled: sent nothing for 0.3 s\n"):
            downloads.fetch(tmp_path / "raw", described, [url])
        assert list((tmp_path / "raw").iterdir()) == []
        downloads.fetch(tmp_path / "raw", described, [url, str(folder)])
        ended.set()
        server.shutdown()
    assert len(list((tmp_path / "raw").iterdir())) == 4
    assert socket.getdefaulttimeout() is None


@pytest.mark.parametrize("source", ["/elsewhere", "https://example.org"])
def test_a_full_disk_ends_with_its_own_message_and_leaves_nothing(tmp_path, monkeypatch, full_disk, source):
    monkeypatch.setenv(SOURCE_VARIABLE, source)
    monkeypatch.setattr(torchvision_utils, "_get_redirect_url", lambda url, max_hops: url)
    monkeypatch.setattr(torchvision_utils, "_urlretrieve", lambda url, path: shutil.copyfile(url, path))
    raw = tmp_path / "mnist" / "raw"
    said = f"{raw}: cannot be written: No space left on device; make room on its disk, or set data in config.yaml"
    with pytest.raises(OSError, match=f"^{said}"):
        fetch_dataset.main(dataset="mnist", looked_up="", fetched=raw.parent / "fetched.json")
    assert full_disk
    assert list(raw.parent.rglob("*")) == [raw]


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "kmnist"])
def test_checksums_are_those_that_torchvision_publishes(name, request):
    kinds = {"mnist": torchvision.MNIST, "fashion_mnist": torchvision.FashionMNIST, "kmnist": torchvision.KMNIST}
    published = dict(kinds[name].resources)
    described = describe_dataset(name)
    assert set(described["files"]) == set(published)
    for file, stated in described["files"].items():
        algorithm, _, checksum = stated.partition(":")
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

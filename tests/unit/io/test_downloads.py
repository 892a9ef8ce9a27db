"""Original files: the same bytes from any mirror, whole or not at all; an error says which file lies where."""

import gzip
import hashlib
import http.server
import socket
import threading
from pathlib import Path

import pytest

from unlearning.data import idx
from unlearning.io import downloads
from unlearning.io.downloads import SOURCE_VARIABLE

from ...miniature import write_idx


@pytest.fixture
def small(tmp_path):
    """A data set of seven pictures: its description, and the folder where it lies."""
    folder = tmp_path / "source" / "small"
    return write_idx(folder)[0], folder


@pytest.fixture
def mirror(small):
    """A web server with the folder, and the list of the requests to it."""
    requests = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=small[1].parent)

        def do_GET(self):
            requests.append(self.path)
            super().do_GET()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", requests
    server.shutdown()


def test_a_mirror_is_asked_once_and_only_for_what_is_missing(small, mirror, tmp_path):
    description, _ = small
    url, requests = mirror
    for _ in range(2):
        downloads.fetch(tmp_path / "raw", description, downloads.mirrors_of("small", url, ["unused"]))
    assert {Path(path).name for path in requests} == set(description["files"])
    (tmp_path / "raw" / "t10k-labels-idx1-ubyte.gz").write_bytes(b"altered")
    requests.clear()
    downloads.fetch(tmp_path / "raw", description, [f"{url}/small/"])
    assert {Path(path).name for path in requests} == {"t10k-labels-idx1-ubyte.gz"}
    assert idx.read(tmp_path / "raw", description).labels[-1] == 0


@pytest.mark.parametrize("how", ["truncated", "altered", "missing"])
def test_a_file_that_is_not_whole_is_refused_and_not_left_behind(small, tmp_path, how):
    description, folder = small
    bad = folder / "train-labels-idx1-ubyte.gz"
    content = bad.read_bytes()
    bad.unlink()
    if how != "missing":
        bad.write_bytes(content[:-3] if how == "truncated" else content[:-1] + b"x")
    with pytest.raises(ValueError, match=r"train-labels-idx1-ubyte\.gz could not be had") as error:
        downloads.fetch(tmp_path / "raw", description, [str(folder)])
    why = ": No such file"
    if how != "missing":
        actual = hashlib.md5(bad.read_bytes()).hexdigest()
        why = f": md5 is {actual} but should be {description['files'][bad.name][4:]}: truncated or altered\n"
    for part in (f"{bad}{why}", "Put a whole copy there and run again; its source: a lab."):
        assert part in str(error.value)
    for part in (".tmp", "delete", "data_source"):
        assert part not in str(error.value)
    names = {path.name for path in (tmp_path / "raw").iterdir()}
    assert names == {"train-images-idx3-ubyte.gz"}, "only whole files stay"


def test_the_next_mirror_is_tried_where_one_fails(small, tmp_path):
    description, folder = small
    downloads.fetch(tmp_path / "raw", description, ["http://127.0.0.1:9/", str(tmp_path / "nowhere"), str(folder)])
    assert len(list((tmp_path / "raw").iterdir())) == 4


def test_an_unreachable_mirror_is_named(small, tmp_path):
    with pytest.raises(ValueError, match=r"  http://127.0.0.1:9/train-images-idx3-ubyte.gz: .*refused") as error:
        downloads.fetch(tmp_path / "raw", small[0], ["http://127.0.0.1:9/"])
    for part in ("Without a network", "data_source in config.yaml", SOURCE_VARIABLE):
        assert part in str(error.value)


@pytest.fixture
def unpacked(small):
    """The description of the same data set by its unpacked files."""
    description, folder = small
    contents = {Path(name).stem: gzip.decompress((folder / name).read_bytes()) for name in description["files"]}
    files = {name: f"sha256:{hashlib.sha256(content).hexdigest()}" for name, content in contents.items()}
    return description | {"files": files}


def test_files_are_the_same_whatever_the_header_of_their_packing_says(small, unpacked, tmp_path):
    """Debian packs without the name and the time that the official files have."""
    other = tmp_path / "other"
    other.mkdir()
    for path in small[1].iterdir():
        with (
            (other / path.name).open("wb") as file,
            gzip.GzipFile(path.stem, "wb", fileobj=file, mtime=1.5e9) as packed,
        ):
            packed.write(gzip.decompress(path.read_bytes()))
        assert (other / path.name).read_bytes() != path.read_bytes()
    for folder in (small[1], other):
        raw = tmp_path / f"raw of {folder.name}"
        downloads.fetch_unpacked(raw, unpacked, [str(folder)])
        assert {path.name: path.read_bytes() for path in raw.iterdir()} == {
            path.stem: gzip.decompress(path.read_bytes()) for path in folder.iterdir()
        }


def test_a_packed_file_is_fetched_again_only_if_its_content_is_not_there(small, unpacked, mirror, tmp_path):
    url, requests = mirror
    downloads.fetch_unpacked(tmp_path / "raw", unpacked, ["/nowhere", f"{url}/small/"])
    assert {Path(path).name for path in requests} == {path.name for path in small[1].iterdir()}
    requests.clear()
    downloads.fetch_unpacked(tmp_path / "raw", unpacked, [url])
    assert requests == []
    (tmp_path / "raw" / "t10k-labels-idx1-ubyte").write_bytes(b"altered")
    downloads.fetch_unpacked(tmp_path / "raw", unpacked, [str(small[1])])
    assert idx.read_unpacked(tmp_path / "raw", unpacked).labels[-1] == 0


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("truncated", "Compressed file ended before"),
        ("another content", "unpacked, its sha256 is .* but should be .*: truncated or altered"),
        ("not packed", "Not a gzipped file"),
        ("damaged", "Error -3 while decompressing|CRC check failed"),
        ("missing", "No such file"),
    ],
)
def test_a_packed_file_that_is_not_whole_is_refused_and_not_left_behind(small, unpacked, tmp_path, how, why):
    bad = small[1] / "train-labels-idx1-ubyte.gz"
    content = bad.read_bytes()
    bad.unlink()
    changed = {
        "truncated": content[:-9],
        "another content": gzip.compress(gzip.decompress(content)[:-1] + b"x"),
        "not packed": gzip.decompress(content),
        "damaged": content[:10] + bytes([content[10] ^ 6]) + content[11:],
    }
    if how != "missing":
        bad.write_bytes(changed[how])
    with pytest.raises(ValueError, match=rf"small: train-labels-idx1-ubyte\.gz could not be had:\n  {bad}: ({why})"):
        downloads.fetch_unpacked(tmp_path / "raw", unpacked, [str(small[1])])
    assert not {"train-labels-idx1-ubyte", ".packed"} & {path.name for path in (tmp_path / "raw").iterdir()}


def test_a_mirror_that_stalls_is_named_and_the_next_one_tried(small, tmp_path, monkeypatch):
    description, folder = small
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
            downloads.fetch(tmp_path / "raw", description, [url])
        assert list((tmp_path / "raw").iterdir()) == []
        downloads.fetch(tmp_path / "raw", description, [url, str(folder)])
        ended.set()
        server.shutdown()
    assert len(list((tmp_path / "raw").iterdir())) == 4
    assert socket.getdefaulttimeout() is None


@pytest.mark.parametrize(
    ("value", "source"),
    [
        (None, None),
        ("", None),
        ("  ", None),
        ("/data", "/data"),
        ("~/data", "/home/me/data"),
        ("https://x.org/~me", "https://x.org/~me"),
    ],
)
def test_a_source_that_is_set_but_empty_is_none(monkeypatch, value, source):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv(SOURCE_VARIABLE, raising=False)
    if value is not None:
        monkeypatch.setenv(SOURCE_VARIABLE, value)
    assert downloads.user_source() == source

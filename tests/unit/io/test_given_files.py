"""Files of weights by path and by URL."""

import hashlib
import shutil

import pytest

from unlearning.io import downloads, given_files

WEIGHTS = {"url": "https://example.org/a/net%20{seed}.pth", "folder": "lab", "sha256": ["a" * 64, "b" * 64]}


@pytest.fixture
def source(tmp_path):
    (tmp_path / "source" / "lab").mkdir(parents=True)
    (tmp_path / "source" / "lab" / "net.pth").write_bytes(b"weights")
    return tmp_path / "source"


def entry(content=b"weights"):
    url = "https://example.org/files/net.pth"
    return {"url": url, "folder": "lab", "sha256": hashlib.sha256(content).hexdigest()}


def test_each_seed_has_its_file_and_its_checksum():
    assert given_files.one_of(WEIGHTS, "seed", [5, 7], 7) == WEIGHTS | {
        "url": "https://example.org/a/net%207.pth",
        "sha256": "b" * 64,
    }
    shared = {"file": "net.pth", "sha256": "c" * 64}
    assert given_files.one_of(shared, "seed", [5, 7], 5) == shared


@pytest.mark.parametrize("own", [True, False])
def test_a_file_is_fetched_from_its_url_or_from_the_user_s_own_source(tmp_path, source, own, monkeypatch):
    """The reader of URLs itself is tested with the data sets."""
    monkeypatch.setattr(downloads, "_get", lambda origin, target: shutil.copy(places[origin], target))
    places = {"https://example.org/files/net.pth": source / "other"} | {f"{source}/lab/net.pth": source / "lab/net.pth"}
    if not own:
        (source / "lab" / "net.pth").rename(source / "other")
    wanted, origin = entry(), str(source) if own else None
    record = tmp_path / "data" / given_files.fetched_record(wanted)
    path = given_files.fetch(wanted, record.parent, origin)
    assert path.read_bytes() == b"weights"
    assert path == given_files.file_of(wanted, record)
    places.clear()
    given_files.fetch(wanted, record.parent, origin)  # is there


def test_an_altered_file_is_refused(tmp_path, source):
    with pytest.raises(ValueError, match=r"lab: net.pth could not be had:\n.*sha256 is .* truncated or altered"):
        given_files.fetch(entry(b"others"), tmp_path / "data", str(source))


@pytest.mark.parametrize(
    ("name", "said"),
    [("no.pth", "no such file"), ("lab", "is a folder; name the file in it"), ("link", "is a link to gone")],
)
def test_a_local_file_must_be_there(source, name, said):
    (source / "link").symlink_to("gone")
    with pytest.raises(ValueError, match=f"k.file = '.*{name}': .*{said}"):
        given_files.check_local({"file": str(source / name)}, "k")


def test_a_local_file_must_have_the_stated_checksum(source):
    wanted = {"file": str(source / "lab" / "net.pth"), "sha256": entry()["sha256"]}
    given_files.check_local(wanted, "k")
    with pytest.raises(ValueError, match=r"sha256 is .*: truncated or altered; copy the file again, or correct k.sha"):
        given_files.check_local(wanted | {"sha256": "0" * 64}, "k")

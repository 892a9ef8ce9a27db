"""The user's own files: whatever changes their content is noticed, and nothing else, in every layout."""

import os
import shutil
import time

import numpy as np
import pytest
from PIL import Image

from unlearning.data import source_state
from unlearning.data.source_state import digest, own_files
from unlearning.io.files import sha256_of, sha256_of_file

from ...miniature import write_class_folders, write_flowers

TABLE = "attributes.csv"
FLOWERS = {
    "name": "flowers",
    "files": {},
    "pictures": {"folder": "images", "crop": None, "unreadable_share": 0.0},
    "attributes": ["red"],
}
FOLDERS = {"name": "folders", "files": {}, "classes": ["a", "b"], "images_per_class": {"train": 3, "val": 2}}
OTHERS = {"name": "others", "files": {"pinned.npz": "sha256:0"}}  # a plug-in that reads files in its own way
CELEBRITIES = {
    "name": "celebrities",
    "files": {"list.txt": "md5:0"},
    "pictures": {"folder": "aligned", "crop": 148, "unreadable_share": 0.0},
}
PICTURES = {
    "flowers": "images/roses/1.png",
    "folders": "train/b/b_1.JPEG",
    "others": "deep/er/b.npz",
    "celebrities": "aligned/1.jpg",
}


@pytest.fixture(params=[FLOWERS, FOLDERS, OTHERS, CELEBRITIES], ids=lambda description: description["name"])
def layout(request, tmp_path):
    """A data set in one of the layouts: its description, its folder, and one of the files that are used."""
    description = request.param
    folder = tmp_path / "source" / description["name"]
    folder.mkdir(parents=True)
    if description is FLOWERS:
        write_flowers(folder, train=4, heldout=2)
    elif description is FOLDERS:
        write_class_folders(folder, ["a", "b"], train=4, val=3)
    elif description is OTHERS:
        (folder / "deep" / "er").mkdir(parents=True)
        for name in ("pinned.npz", "a.npz", "deep/er/b.npz"):
            (folder / name).write_bytes(name.encode())
    else:
        (folder / "aligned").mkdir()
        for number in range(3):
            Image.new("RGB", (200, 220), (80 * number, 0, 0)).save(folder / "aligned" / f"{number}.jpg")
        (folder / "list.txt").write_text("0.jpg 1\n")
    return description, folder, folder / PICTURES[description["name"]]


@pytest.fixture
def state(layout, tmp_path):
    """The hash of the data set's files; another folder of the source can be given."""
    description = layout[0]

    def look_up(source=tmp_path / "source", fetched=None):
        return digest(description, source and str(source), tmp_path / "data", fetched)

    return look_up


def overwrite(path):
    path.write_bytes(path.read_bytes()[:-1] + b"#")


def replace(path):
    new = path.with_name("new")
    new.write_bytes(path.read_bytes()[:-1] + b"#")
    new.replace(path)


@pytest.mark.parametrize("change", [overwrite, replace])
def test_another_content_of_the_same_size_and_time_is_noticed(layout, state, change):
    (*_, path), before = layout, state()
    status = path.stat()
    change(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    assert path.stat().st_mtime_ns == status.st_mtime_ns
    assert state() != before


def test_two_pictures_that_change_places_are_noticed(layout, state):
    (description, folder, path), before = layout, state()
    other = next(
        folder / name for name in own_files(folder, description) if folder / name not in (path, folder / TABLE)
    )
    path.rename(folder.parent / "kept")
    other.rename(path)
    (folder.parent / "kept").rename(other)
    assert state() != before


def test_a_touched_or_copied_source_is_no_change(layout, state, tmp_path):
    before = state()
    for path in layout[1].rglob("*"):
        os.utime(path)
    assert state() == before
    shutil.copytree(tmp_path / "source", tmp_path / "copied")
    assert state(tmp_path / "copied") == before
    shutil.rmtree(tmp_path / "data", ignore_errors=True)
    assert state() == before


def test_a_source_that_is_gone_is_no_change(layout, state, tmp_path):
    fetched = {"looked_up": state()}
    (tmp_path / "empty").mkdir()
    for source in (None, "https://example.org", tmp_path / "nowhere", tmp_path / "empty"):
        assert state(source, fetched) == fetched["looked_up"]
    assert state(None) == sha256_of([])


def test_hidden_files_and_files_with_a_checksum_are_not_watched(layout, state):
    (description, folder, path), before = layout, state()
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._a.jpg"):
        (path.parent / name).write_text("x")
    for name in description["files"]:
        (folder / name).write_text("other")
    assert state() == before


def test_a_file_is_read_once_until_it_changes(layout, state, monkeypatch):
    read = []
    monkeypatch.setattr(source_state, "RACE", -60)
    monkeypatch.setattr(source_state, "sha256_of_file", lambda path: read.append(path) or sha256_of_file(path))
    before = state()
    assert len(read) == len(set(read)) > 1
    read.clear()
    assert state() == before
    assert read == []
    os.utime(layout[2])
    assert state() == before
    assert read == [layout[2]]


def test_a_file_that_changed_a_moment_ago_is_read_again(layout, state, monkeypatch):
    """The clock of a file system is coarse: a second change may have the time of the first."""
    read = []
    monkeypatch.setattr(source_state, "sha256_of_file", lambda path: read.append(path) or sha256_of_file(path))
    state()
    first = len(read)
    state()
    assert len(read) == 2 * first


def test_a_long_reading_is_announced(layout, state, monkeypatch, caplog):
    state()
    assert caplog.text == ""
    monkeypatch.setattr(source_state, "LONG_TO_READ", 0)
    state()
    assert "GB) once, to notice changes" in caplog.text


def test_hashes_that_cannot_be_kept_are_computed_again(layout, state, tmp_path):
    (tmp_path / "data").write_text("a file where the folder should be")
    assert state() == state()


def test_labels_that_are_swapped_pictures_that_come_and_go_are_noticed(tmp_path):
    folder, states = tmp_path / "source" / "flowers", []
    write_flowers(folder, train=4, heldout=2)
    table = folder / TABLE
    text = table.read_text()

    def look():
        states.append(digest(FLOWERS, str(tmp_path / "source"), tmp_path / "data", None))

    look()
    table.write_text(text.replace("0.jpg,train,1", "0.jpg,train,0").replace("2.jpg,train,0", "2.jpg,train,1"))
    look()
    (folder / "images" / "2.jpg").rename(folder / "images" / "x.jpg")
    table.write_text(text.replace("2.jpg", "x.jpg"))
    look()
    Image.new("RGB", (80, 80)).save(folder / "images" / "new.bmp")
    table.write_text(table.read_text() + "new.bmp,train,1\n")
    look()
    (folder / "images" / "new.bmp").unlink()
    (folder / "images" / "x.jpg").unlink()
    table.write_text(text.replace("2.jpg,train,0\n", ""))
    look()
    assert len(set(states)) == len(states)
    table.write_text(text)
    with pytest.raises(ValueError, match=f"{table}: 1 of 6 rows name no file in .*images, such as '2.jpg'"):
        look()


def test_only_the_pictures_that_are_used_count(tmp_path):
    folder = tmp_path / "folders"
    write_class_folders(folder, ["a", "b"], train=4, val=3)
    states = [digest(FOLDERS, str(tmp_path), tmp_path / "data", None)]
    (folder / "train" / "a" / "a_9.jpg").write_bytes(b"after the first three by name")
    states.append(digest(FOLDERS, str(tmp_path), tmp_path / "data", None))
    (folder / "train" / "a" / "a_00.jpg").write_bytes(b"before them")
    states.append(digest(FOLDERS, str(tmp_path), tmp_path / "data", None))
    assert states[0] == states[1] != states[2]


def test_a_file_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    write_flowers(tmp_path / "flowers", train=4, heldout=2)

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(source_state, "sha256_of_file", refuse)
    with pytest.raises(ValueError, match=r"flowers/attributes.csv: cannot be read: Permission denied; change its perm"):
        digest(FLOWERS, str(tmp_path), tmp_path / "data", None)


def test_a_pipe_or_a_link_to_nothing_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere")
    names = ["pipe", "link"]
    assert source_state._contents(tmp_path, names, tmp_path / "cache") == [["pipe", None], ["link", None]]


def test_a_link_is_watched_for_what_it_leads_to(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(3))
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "link.npy").symlink_to(tmp_path / "a.npy")
    before = digest(OTHERS, str(tmp_path), tmp_path / "data", None)
    time.sleep(0.01)
    np.save(tmp_path / "a.npy", np.ones(3))
    assert digest(OTHERS, str(tmp_path), tmp_path / "data", None) != before

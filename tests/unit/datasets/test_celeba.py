"""CelebA: read as torchvision reads it, and refused where its files do not fit together."""

import hashlib
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets
import torchvision.datasets.utils

from unlearning.datasets import celeba
from unlearning.io.downloads import SOURCE_VARIABLE

from ...miniature import write_celeba
from ..disk import fetch_on_a_full_disk

TRAIN, HELDOUT = 12, 6


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A data source with CelebA in miniature."""
    folder = tmp_path_factory.mktemp("source")
    write_celeba(folder / "celeba", TRAIN, HELDOUT)
    return folder


@pytest.fixture
def raw(source, tmp_path, monkeypatch):
    """A copy of the miniature's files, to be read and spoilt; `DATASET` describes them."""
    raw = tmp_path / "celeba" / "raw"
    shutil.copytree(source / "celeba", raw)
    changes = {"train_images": [TRAIN], "heldout_images": [HELDOUT], "files": {}}
    monkeypatch.setattr(celeba, "DATASET", celeba.DATASET | changes)
    return raw


def test_the_description_has_torchvisions_checksums_and_the_published_counts():
    published = {name: md5 for _, md5, name in torchvision.datasets.CelebA.file_list}
    for name, checksum in (celeba.DATASET["files"] | celeba.ARCHIVE).items():
        assert checksum == f"md5:{published[name]}"
    assert celeba.DATASET["train_images"] + celeba.DATASET["heldout_images"] == [162_770, 19_867 + 19_962]
    assert len(set(celeba.DATASET["attributes"])) == 40
    assert "may not be redistributed" in celeba.DATASET["licence"]


def test_faces_and_attributes_are_those_that_torchvision_reads(raw, monkeypatch):
    monkeypatch.setattr(torchvision.datasets.CelebA, "_check_integrity", lambda self: True)
    raw.rename(raw.parent / "celeba")
    splits = {name: torchvision.datasets.CelebA(raw.parent, split=name) for name in ("train", "valid", "test")}
    (raw.parent / "celeba").rename(raw)
    data = celeba.read(raw)
    assert data.images.shape == (TRAIN + HELDOUT, 3, 64, 64)
    assert data.train.tolist() == [True] * TRAIN + [False] * HELDOUT
    assert data.attribute_names == splits["train"].attr_names[:40]
    np.testing.assert_array_equal(data.attributes[data.train], splits["train"].attr)
    heldout = sorted(
        (name, tuple(row.tolist()))
        for split in ("valid", "test")
        for name, row in zip(splits[split].filename, splits[split].attr, strict=True)
    )
    np.testing.assert_array_equal(data.attributes[~data.train], [row for _, row in heldout])
    assert 0 < data.labelled("Male").labels.mean() < 1


def broken(name, change):
    def spoil(raw):
        lines = (raw / name).read_text().splitlines()
        (raw / name).write_text("\n".join(change(lines)) + "\n")

    return spoil


ATTRIBUTES, PARTS = "list_attr_celeba.txt", "list_eval_partition.txt"


SPOILT = {
    "row missing": (broken(ATTRIBUTES, lambda lines: lines[:-1]), "states 18 pictures, has rows for 17"),
    "row of a part missing": (broken(PARTS, lambda lines: lines[1:]), "and list_eval_partition.txt for 17"),
    "other names": (broken(PARTS, lambda lines: [*lines[:-1], "a.jpg 0"]), "the same pictures in the same order"),
    "no such part": (broken(PARTS, lambda lines: [*lines[:-1], "000018.jpg 3"]), "each of part 0, 1 or 2"),
    "too few values": (
        broken(ATTRIBUTES, lambda lines: [*lines[:-1], lines[-1][:-3]]),
        "line 20: must be a picture and",
    ),
    "no 0 or 1": (broken(ATTRIBUTES, lambda lines: [*lines[:2], lines[2].replace("-1", "0")]), "line 3: must be"),
    "other attributes": (broken(ATTRIBUTES, lambda lines: [lines[0], "Male Young"]), "line 2: not the 40 attributes"),
    "file without row": (lambda raw: (raw / "img_align_celeba" / "x.jpg").touch(), "has no row for 1 of 19 .* x.jpg"),
    "picture missing": (
        lambda raw: (raw / "img_align_celeba" / "000004.jpg").unlink(),
        "1 of 18 rows name no file in .*, such as '000004.jpg'; did you mean",
    ),
    "no pictures": (lambda raw: shutil.rmtree(raw / "img_align_celeba"), "img_align_celeba: must be a plain folder"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_files_that_do_not_fit_together_are_refused(raw, kind):
    spoil, message = SPOILT[kind]
    spoil(raw)
    with pytest.raises(ValueError, match=message):
        celeba.read(raw)


@pytest.mark.parametrize("layout", ["folder", "archive"])
def test_the_files_come_from_torchvisions_folder_or_from_the_archive(source, tmp_path, monkeypatch, layout):
    copy = tmp_path / "copy"
    shutil.copytree(source, copy)
    monkeypatch.setattr(celeba, "DATASET", celeba.DATASET | {"files": {}})
    if layout == "archive":
        with zipfile.ZipFile(copy / "celeba" / "img_align_celeba.zip", "w") as archive:
            for path in (copy / "celeba" / "img_align_celeba").iterdir():
                archive.write(path, f"img_align_celeba/{path.name}")
        shutil.rmtree(copy / "celeba" / "img_align_celeba")
        with pytest.raises(ValueError, match=r"img_align_celeba.zip\S* md5 is .* truncated or altered"):
            celeba.fetch(tmp_path / "raw", str(copy))
        md5 = hashlib.md5((copy / "celeba" / "img_align_celeba.zip").read_bytes()).hexdigest()
        monkeypatch.setattr(celeba, "ARCHIVE", {"img_align_celeba.zip": f"md5:{md5}"})
    for _ in range(2):
        celeba.fetch(tmp_path / "raw", str(copy))
        pictures = tmp_path / "raw" / "img_align_celeba"
        assert len(list(pictures.iterdir())) == TRAIN + HELDOUT
        assert {path.name for path in (tmp_path / "raw").iterdir()} == {"img_align_celeba"}
    expected = (source / "celeba" / "img_align_celeba" / "000001.jpg").read_bytes()
    assert (pictures / "000001.jpg").read_bytes() == expected


def test_a_full_disk_is_not_taken_for_a_missing_celeba(source, tmp_path, monkeypatch, full_disk):
    def unpack(archive, folder):
        (folder / "img_align_celeba").mkdir()
        shutil.copyfile(archive, folder / "img_align_celeba" / "000001.jpg")

    def download(identifier, root, name, md5):
        shutil.copyfile(name, f"{root}/{name}.part")

    monkeypatch.setattr(celeba, "DATASET", celeba.DATASET | {"files": {}})
    monkeypatch.setattr(shutil, "unpack_archive", unpack)
    monkeypatch.setattr(torchvision.datasets.utils, "download_file_from_google_drive", download)
    monkeypatch.setenv(SOURCE_VARIABLE, str(source))
    assert fetch_on_a_full_disk("celeba", tmp_path / "copied") == []
    monkeypatch.delenv(SOURCE_VARIABLE)
    assert fetch_on_a_full_disk("celeba", tmp_path / "downloaded") == []
    (tmp_path / "unpacked" / "raw").mkdir(parents=True)
    archive = tmp_path / "unpacked" / "raw" / "img_align_celeba.zip"
    archive.write_bytes(b"whole")
    monkeypatch.setattr(celeba, "ARCHIVE", {archive.name: f"md5:{hashlib.md5(b'whole').hexdigest()}"})
    assert fetch_on_a_full_disk("celeba", tmp_path / "unpacked") == [archive.name]
    assert [Path(path).name for path in full_disk] == ["000001.jpg", "img_align_celeba.zip.part", "000001.jpg"]


def test_without_a_source_torchvision_downloads_and_a_failure_says_how_to_get_the_files(tmp_path, monkeypatch):
    downloads = []

    def download(identifier, root, name, md5):
        downloads.append(name)
        raise RuntimeError("To download files from GDrive, 'gdown' is required.")

    monkeypatch.setattr(torchvision.datasets.utils, "download_file_from_google_drive", download)
    with pytest.raises(ValueError, match=r"could not be had: .*'gdown' is required") as error:
        celeba.fetch(tmp_path, None)
    assert downloads == ["img_align_celeba.zip"]
    for part in ("forbids", "img_align_celeba.zip", "mmlab", "data_source in config.yaml", SOURCE_VARIABLE):
        assert part in str(error.value)


@pytest.mark.parametrize("table", ["list_attr_celeba", "list_eval_partition"])
def test_kaggles_form_of_the_tables_is_named_and_not_taken(source, tmp_path, table):
    shutil.copytree(source, tmp_path / "copy")
    folder = tmp_path / "copy" / "celeba"
    (folder / f"{table}.txt").rename(folder / f"{table}.csv")
    message = (
        f"{folder}/{table}.csv: is another form of {table}.txt, for which no checksum is published; take {table}.txt"
    )
    with pytest.raises(ValueError, match=message):
        celeba.fetch(tmp_path / "raw", str(tmp_path / "copy"))


def test_kaggles_pictures_in_a_folder_within_the_folder_are_named(source, tmp_path):
    shutil.copytree(source, tmp_path / "copy")
    pictures = tmp_path / "copy" / "celeba" / "img_align_celeba"
    pictures.rename(tmp_path / "kept")
    pictures.mkdir()
    (tmp_path / "kept").rename(pictures / "img_align_celeba")
    message = f"{pictures}/img_align_celeba: the pictures lie one folder too deep; move them into {pictures}"
    with pytest.raises(ValueError, match=message):
        celeba.fetch(tmp_path / "raw", str(tmp_path / "copy"))

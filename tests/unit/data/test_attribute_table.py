"""CelebA and folders of pictures as data sets: read as torchvision reads them, and refused where they do not fit."""

import hashlib
import json
import os
import re
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets
import torchvision.datasets.utils
from PIL import Image

import fetch_dataset
import prepare_dataset
from unlearning.data import attribute_table
from unlearning.data.dataset import Dataset
from unlearning.data.description import describe_dataset
from unlearning.datasets import celeba
from unlearning.io.downloads import SOURCE_VARIABLE
from unlearning.plugins import describe
from unlearning.plugins.describe import describe_plugin
from unlearning.plugins.load import load_plugin

from ...miniature import write_celeba, write_flowers

TRAIN, HELDOUT = 12, 6


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A data source with CelebA in miniature."""
    folder = tmp_path_factory.mktemp("source")
    write_celeba(folder / "celeba", TRAIN, HELDOUT)
    return folder


@pytest.fixture
def raw(source, tmp_path, monkeypatch):
    """The files of the miniature in a folder of their own, to be read and spoilt; `DATASET` describes them."""
    raw = tmp_path / "celeba" / "raw"
    shutil.copytree(source / "celeba", raw)
    described = {"train_images": [TRAIN], "heldout_images": [HELDOUT], "files": {}}
    monkeypatch.setattr(celeba, "DATASET", celeba.DATASET | described)
    return raw


def test_the_description_has_torchvisions_checksums_and_the_published_counts():
    published = {name: md5 for _, md5, name in torchvision.datasets.CelebA.file_list}
    for name, stated in (celeba.DATASET["files"] | celeba.ARCHIVE).items():
        assert stated == f"md5:{published[name]}"
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
    "picture missing": (lambda raw: (raw / "img_align_celeba" / "000004.jpg").unlink(), "000004.jpg: missing"),
    "no pictures": (lambda raw: shutil.rmtree(raw / "img_align_celeba"), "img_align_celeba: must be a plain folder"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_files_that_do_not_fit_together_are_refused(raw, kind):
    spoil, said = SPOILT[kind]
    spoil(raw)
    with pytest.raises(ValueError, match=said):
        celeba.read(raw)


@pytest.mark.parametrize("layout", ["folder", "archive"])
def test_the_files_come_from_torchvisions_folder_or_from_the_archive(source, tmp_path, monkeypatch, layout):
    own = tmp_path / "own"
    shutil.copytree(source, own)
    monkeypatch.setattr(celeba, "DATASET", celeba.DATASET | {"files": {}})
    if layout == "archive":
        with zipfile.ZipFile(own / "celeba" / "img_align_celeba.zip", "w") as archive:
            for path in (own / "celeba" / "img_align_celeba").iterdir():
                archive.write(path, f"img_align_celeba/{path.name}")
        shutil.rmtree(own / "celeba" / "img_align_celeba")
        with pytest.raises(ValueError, match=r"img_align_celeba.zip\S* md5 is .* truncated or altered"):
            celeba.fetch(tmp_path / "raw", str(own))
        md5 = hashlib.md5((own / "celeba" / "img_align_celeba.zip").read_bytes()).hexdigest()
        monkeypatch.setattr(celeba, "ARCHIVE", {"img_align_celeba.zip": f"md5:{md5}"})
    for _ in range(2):
        celeba.fetch(tmp_path / "raw", str(own))
        placed = tmp_path / "raw" / "img_align_celeba"
        assert len(list(placed.iterdir())) == TRAIN + HELDOUT
        assert {path.name for path in (tmp_path / "raw").iterdir()} == {"img_align_celeba"}
    wanted = (source / "celeba" / "img_align_celeba" / "000001.jpg").read_bytes()
    assert (placed / "000001.jpg").read_bytes() == wanted


def refused_for_its_disk(data, name):
    """Fetch a data set on a full disk; nothing half-written may be left."""
    said = f"{data / 'raw'}: cannot be written: No space left on device; make room on its disk, or set data in config"
    with pytest.raises(OSError, match=f"^{said}"):
        fetch_dataset.main(dataset=name, looked_up="", fetched=data / "fetched.json")
    return [path.name for path in data.rglob("*") if path.name != "raw"]


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
    assert refused_for_its_disk(tmp_path / "copied", "celeba") == []
    monkeypatch.delenv(SOURCE_VARIABLE)
    assert refused_for_its_disk(tmp_path / "downloaded", "celeba") == []
    (tmp_path / "unpacked" / "raw").mkdir(parents=True)
    archive = tmp_path / "unpacked" / "raw" / "img_align_celeba.zip"
    archive.write_bytes(b"whole")
    monkeypatch.setattr(celeba, "ARCHIVE", {archive.name: f"md5:{hashlib.md5(b'whole').hexdigest()}"})
    assert refused_for_its_disk(tmp_path / "unpacked", "celeba") == [archive.name]
    assert [Path(path).name for path in full_disk] == ["000001.jpg", "img_align_celeba.zip.part", "000001.jpg"]


def test_without_a_source_torchvision_downloads_and_a_failure_says_how_to_get_the_files(tmp_path, monkeypatch):
    asked = []

    def download(identifier, root, name, md5):
        asked.append(name)
        raise RuntimeError("To download files from GDrive, 'gdown' is required.")

    monkeypatch.setattr(torchvision.datasets.utils, "download_file_from_google_drive", download)
    with pytest.raises(ValueError, match=r"could not be had: .*'gdown' is required") as error:
        celeba.fetch(tmp_path, None)
    assert asked == ["img_align_celeba.zip"]
    for part in ("forbids", "img_align_celeba.zip", "mmlab", "data_source in config.yaml", SOURCE_VARIABLE):
        assert part in str(error.value)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The data set whose file `image_folder` shows: the folder of its pictures, and the one for its data."""
    folder = tmp_path / "source" / "flowers"
    code = write_flowers(folder, train=9, heldout=3)
    shutil.copytree(describe.LIBRARY, tmp_path / "library")
    (tmp_path / "library" / "datasets" / "flowers.py").write_text(code)
    monkeypatch.setattr(describe, "LIBRARY", tmp_path / "library")
    monkeypatch.setattr("unlearning.datasets.__path__", [str(tmp_path / "library" / "datasets")])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    sys.modules.pop("unlearning.datasets.flowers", None)
    (describe_plugin.cache_clear(), describe_dataset.cache_clear())
    yield folder, tmp_path / "data" / "flowers"
    (describe_plugin.cache_clear(), describe_dataset.cache_clear())


def prepare(folder, data):
    sys.modules.pop("unlearning.datasets.flowers", None)
    module = load_plugin("datasets", "flowers")
    module.fetch(data / "raw", str(folder.parent))
    outputs = {"prepared": data / "prepared.safetensors", "manifest": data / "manifest.json"}
    prepare_dataset.main(dataset="flowers", fetched=data / "fetched.json", **outputs)
    return Dataset.load(outputs["prepared"]), json.loads(outputs["manifest"].read_text())


def test_your_own_images_become_a_data_set_as_their_module_says(own):
    folder, data = own
    dataset, manifest = prepare(folder, data)
    assert dataset.images.shape == (12, 3, 64, 64)
    red = dataset.images[:, 0].mean(axis=(1, 2)) > 100
    np.testing.assert_array_equal(dataset.labelled("red").labels, red)
    assert dataset.train.sum() == 9
    assert manifest["attributes"] == ["red"]
    assert manifest["unreadable"] == 0
    assert {path.name for path in data.iterdir()} == {"raw", "prepared.safetensors", "manifest.json"}


def test_a_few_unreadable_images_are_left_out_and_counted(own):
    folder, data = own
    described = describe.LIBRARY / "datasets" / "flowers.py"
    described.write_text(described.read_text().replace('"unreadable_share": 0.0', '"unreadable_share": 0.1'))
    (describe_plugin.cache_clear(), describe_dataset.cache_clear())
    (folder / "images" / "0.jpg").write_text("broken")
    dataset, manifest = prepare(folder, data)
    assert (len(dataset.images), len(dataset.attributes), dataset.train.sum()) == (11, 11, 8)
    assert (manifest["unreadable"], manifest["train_images"], manifest["heldout_images"]) == (1, [8], [3])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("red", "blue"), "its columns are image, split, blue, but must be image, split, red"),
        (lambda text: text.replace("0.jpg,train", "0.jpg,test"), "line 2: 0.jpg,test,1: must be a picture, train or"),
        (lambda text: text.replace("2.jpg,train,0", "2.jpg,train,yes"), "line 4: .* 0 or 1 for each of 1 attributes"),
        (lambda text: text + "0.jpg,train,1\n", "0.jpg stands in 2 rows"),
        (lambda text: text.replace("10.jpg,heldout,0\n", ""), "has no row for 1 of 12 files"),
        (lambda text: text.split("\n")[0] + "\n", "has no rows"),
        (lambda text: "", "attributes.csv: its columns are none, but must be image, split, red"),
        (
            lambda text: text.replace("roses/1", "rosé/1"),
            "attributes.csv: cannot be read as CSV in UTF-8 .*; save it so",
        ),
        (lambda text: text + "\n,,\nx.jpg\n", "line 16: x.jpg: must be a picture"),
        (lambda text: text + "../12.jpg,train,1\n", "../12.jpg: leads out of the folder"),
        (lambda text: text.replace("10.jpg,heldout", "10.jpg,train"), "its file describes it otherwise than found"),
    ],
)
def test_a_table_that_does_not_fit_the_images_is_refused(own, change, said):
    folder, data = own
    table = folder / "attributes.csv"
    table.write_text(change(table.read_text()), encoding="cp1252")
    stated = describe_dataset("flowers")["files"][table.name].removeprefix("sha256:")
    checksum = hashlib.sha256(table.read_bytes()).hexdigest()
    wrong = f"^{table}: sha256 is {checksum} but should be {stated}: .*'files' in scripts/.*/flowers.py, or else put"
    with pytest.raises(ValueError, match=wrong):
        prepare(folder, data)
    described = describe.LIBRARY / "datasets" / "flowers.py"
    described.write_text(re.sub(r"sha256:\w+", f"sha256:{checksum}", described.read_text()))
    (describe_plugin.cache_clear(), describe_dataset.cache_clear())
    with pytest.raises(ValueError, match=said) as error:
        prepare(folder, data)
    if "otherwise than found" not in said:
        assert f"fetched again once {data / 'fetched.json'} and {data / 'raw'} are deleted" in error.value.__notes__[0]


def test_blank_lines_of_a_table_are_no_rows(own):
    folder, data = own
    table = folder / "attributes.csv"
    described = describe.LIBRARY / "datasets" / "flowers.py"
    before = hashlib.sha256(table.read_bytes()).hexdigest()
    table.write_text(table.read_text() + "\n,,\n \n")
    described.write_text(described.read_text().replace(before, hashlib.sha256(table.read_bytes()).hexdigest()))
    (describe_plugin.cache_clear(), describe_dataset.cache_clear())
    assert len(prepare(folder, data)[0].images) == 12


def test_a_full_disk_stops_the_copying_of_your_own_images_at_the_first(own, monkeypatch, full_disk):
    folder, data = own
    monkeypatch.setenv(SOURCE_VARIABLE, str(folder.parent))
    (data / "raw").mkdir(parents=True)
    table = data / "raw" / "attributes.csv"
    table.write_bytes((folder / "attributes.csv").read_bytes())
    assert refused_for_its_disk(data, "flowers") == [table.name]
    assert len(full_disk) == 1


def test_folders_and_links_among_your_own_images_are_taken_over_as_they_are(tmp_path):
    (tmp_path / "images" / "roses" / "none").mkdir(parents=True)
    (tmp_path / "images" / "roses" / "1.jpg").write_text("1")
    (tmp_path / "images" / "2.jpg").symlink_to("roses/1.jpg")
    (tmp_path / "images" / "others").symlink_to("roses")
    attribute_table.place(tmp_path / "images", tmp_path / "raw" / "images")
    attribute_table.place(tmp_path / "images", tmp_path / "raw" / "images")
    placed = tmp_path / "raw" / "images"
    assert {path.relative_to(placed).as_posix() for path in (tmp_path / "raw").rglob("*") if path != placed} == {
        "roses",
        "roses/none",
        "roses/1.jpg",
        "2.jpg",
        "others",
    }
    assert (placed / "roses" / "1.jpg").samefile(tmp_path / "images" / "roses" / "1.jpg")
    assert (placed / "2.jpg").readlink() == Path("roses/1.jpg")
    assert (placed / "others").is_symlink()


@pytest.mark.parametrize("linked", [True, False], ids=["linked", "copied"])
def test_a_replaced_picture_of_your_own_is_noticed_and_a_source_that_is_gone_is_no_change(own, monkeypatch, linked):
    folder, data = own
    described, source = describe_dataset("flowers"), str(folder.parent)
    if not linked:
        monkeypatch.setattr(os, "link", lambda *_: Path("/nowhere").stat())
    raw = data / "raw"
    assert attribute_table.state(described, None, raw) == []
    before = attribute_table.state(described, source, raw)
    assert len(before) == 12
    attribute_table.fetch(raw, described, source)
    (folder / "images" / ".hidden").touch()
    assert before == attribute_table.state(described, source, raw) == attribute_table.state(described, None, raw)
    replaced = folder / "images" / "roses" / "1.png"
    found = replaced.stat()
    Image.new("RGB", (91, 70), (200, 20, 20)).save(folder / "new.png")
    (folder / "new.png").replace(replaced)
    after = attribute_table.state(described, source, raw)
    assert after != before == attribute_table.state(described, None, raw)
    os.utime(replaced, ns=(found.st_atime_ns, found.st_mtime_ns + 1))
    assert attribute_table.state(described, source, raw) not in (before, after)
    attribute_table.fetch(raw, described, source)
    assert attribute_table.state(described, source, raw) == attribute_table.state(described, None, raw)


@pytest.mark.parametrize("source", [None, "http://example.org/data", "/nowhere"])
def test_a_source_without_the_images_is_named(own, tmp_path, source):
    described = describe_dataset("flowers")
    with pytest.raises(ValueError, match="name the folder that holds flowers/images/ as data_source") as error:
        attribute_table.fetch(tmp_path / "raw", described, source)
    assert repr(source) in str(error.value)

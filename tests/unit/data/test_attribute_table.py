"""A folder of pictures with a table: prepared as the module's example says, and refused where they do not fit."""

import hashlib
import json
import os
import unicodedata

import numpy as np
import pytest

import prepare_dataset
from unlearning.data import attribute_table
from unlearning.data.dataset import Dataset
from unlearning.data.description import describe_dataset
from unlearning.io.downloads import SOURCE_VARIABLE
from unlearning.plugins import describe
from unlearning.plugins.load import load_plugin

from ...miniature import forget_dataset, install_dataset, write_flowers
from ..disk import fetch_on_a_full_disk


@pytest.fixture
def flowers(tmp_path, monkeypatch):
    """The data set of `attribute_table`'s example: the folder of its pictures, and the folder for its data."""
    folder = tmp_path / "source" / "flowers"
    code = write_flowers(folder, train=9, heldout=3)
    install_dataset("flowers", code, tmp_path / "library", monkeypatch)
    yield folder, tmp_path / "data" / "flowers"
    forget_dataset("flowers")


def prepare(folder, data):
    module = load_plugin("datasets", "flowers")
    module.fetch(data / "raw", str(folder.parent))
    outputs = {"prepared": data / "prepared.safetensors", "manifest": data / "manifest.json"}
    prepare_dataset.main(dataset="flowers", fetched=data / "fetched.json", **outputs)
    return Dataset.load(outputs["prepared"]), json.loads(outputs["manifest"].read_text())


def test_the_pictures_of_the_example_become_a_data_set(flowers):
    folder, data = flowers
    dataset, manifest = prepare(folder, data)
    assert dataset.images.shape == (12, 3, 64, 64)
    red = dataset.images[:, 0].mean(axis=(1, 2)) > 100
    np.testing.assert_array_equal(dataset.labelled("red").labels, red)
    assert dataset.train.sum() == 9
    assert manifest["attributes"] == ["red"]
    assert manifest["unreadable"] == 0
    assert {path.name for path in data.iterdir()} == {"raw", "prepared.safetensors", "manifest.json"}


def test_a_few_unreadable_images_are_left_out_and_counted(flowers):
    folder, data = flowers
    module = describe.LIBRARY / "datasets" / "flowers.py"
    module.write_text(module.read_text().replace('"unreadable_share": 0.0', '"unreadable_share": 0.1'))
    forget_dataset("flowers")
    (folder / "images" / "0.jpg").write_text("broken")
    dataset, manifest = prepare(folder, data)
    assert (len(dataset.images), len(dataset.attributes), dataset.train.sum()) == (11, 11, 8)
    assert (manifest["unreadable"], manifest["train_images"], manifest["heldout_images"]) == (1, [8], [3])


@pytest.mark.parametrize(
    ("change", "message"),
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
        (lambda text: text + "../12.jpg,train,1\n", "1 of 13 rows name no file in .*, such as '../12.jpg'"),
        (
            lambda text: text.replace("10.jpg,heldout", "10.jpg,train"),
            "its images have .* but its file describes others",
        ),
    ],
)
def test_a_table_that_does_not_fit_the_images_is_refused(flowers, change, message):
    folder, data = flowers
    table = folder / "attributes.csv"
    table.write_text(change(table.read_text()), encoding="cp1252")
    with pytest.raises(ValueError, match=message):
        prepare(folder, data)
    assert data.exists() == ("its file describes others" in message), "refused before anything is copied"


def test_a_table_may_be_held_to_a_checksum(flowers):
    folder, data = flowers
    table, module = folder / "attributes.csv", describe.LIBRARY / "datasets" / "flowers.py"
    checksum = hashlib.sha256(table.read_bytes()).hexdigest()
    module.write_text(module.read_text().replace('"files": {}', f'"files": {{"attributes.csv": "sha256:{checksum}"}}'))
    forget_dataset("flowers")
    prepare(folder, data)
    table.write_text(table.read_text() + "\n")
    other = hashlib.sha256(table.read_bytes()).hexdigest()
    message = f"^{table}: sha256 is {other} but should be {checksum}: .*'files' in scripts/.*/flowers.py, or else"
    with pytest.raises(ValueError, match=message):
        prepare(folder, data)
    with pytest.raises(ValueError, match=message):
        attribute_table.check(folder, describe_dataset("flowers"))


@pytest.mark.parametrize(
    ("written", "right"),
    [
        (r"roses\1.png", "roses/1.png"),
        ("./roses/1.png", "roses/1.png"),
        ("images/roses/1.png", "roses/1.png"),
        ("1.png", "roses/1.png"),
        ("Roses/1.PNG", "roses/1.png"),
        ("roses/01.png", "roses/1.png"),
        ("roses%2F1.png", "roses/1.png"),
        ("/home/me/flowers/images/roses/1.png", "roses/1.png"),
    ],
)
def test_a_row_in_another_spelling_is_named_with_the_file_that_is_meant(flowers, written, right):
    folder, _ = flowers
    table = folder / "attributes.csv"
    table.write_text(table.read_text().replace("roses/1.png", written))
    with pytest.raises(ValueError, match=f"^{table}: has no row for 1 of 12 files in .*, such as {right}; ") as error:
        attribute_table.check(folder, describe_dataset("flowers"))
    assert f"the row of {written!r} is near: if it means this file, write {right!r}" in str(error.value)


def test_two_unicode_forms_of_a_name_are_told_apart(flowers):
    folder, _ = flowers
    composed, decomposed = (unicodedata.normalize(form, "rosé.png") for form in ("NFC", "NFD"))
    (folder / "images" / "roses" / "1.png").rename(folder / "images" / decomposed)
    table = folder / "attributes.csv"
    table.write_text(table.read_text().replace("roses/1.png", composed), encoding="utf-8")
    with pytest.raises(ValueError, match="is near") as error:
        attribute_table.check(folder, describe_dataset("flowers"))
    assert r"the row of 'ros\xe9.png' is near: if it means this file, write 'rose\u0301.png'" in str(error.value)


def test_a_name_that_is_not_utf8_is_shown_by_its_bytes(flowers):
    folder, _ = flowers
    (folder / "images" / os.fsdecode(b"ros\xe9")).mkdir()
    with pytest.raises(ValueError, match=r"images: 1 names .* not UTF-8, such as 'ros\\xe9'; rename them") as error:
        attribute_table.check(folder, describe_dataset("flowers"))
    str(error.value).encode()


def test_a_linked_folder_is_not_left_out_in_silence(flowers, tmp_path):
    folder, _ = flowers
    (tmp_path / "more").mkdir()
    (folder / "images" / "more").symlink_to(tmp_path / "more")
    with pytest.raises(ValueError, match=r"no row for 1 of 13 files in .*, such as more; "):
        attribute_table.check(folder, describe_dataset("flowers"))


def test_blank_lines_of_a_table_are_no_rows(flowers):
    folder, data = flowers
    table = folder / "attributes.csv"
    table.write_text(table.read_text() + "\n,,\n \n")
    assert len(prepare(folder, data)[0].images) == 12


def test_a_full_disk_stops_the_copying_of_pictures_at_the_first(flowers, monkeypatch, full_disk):
    folder, data = flowers
    monkeypatch.setenv(SOURCE_VARIABLE, str(folder.parent))
    (data / "raw").mkdir(parents=True)
    table = data / "raw" / "attributes.csv"
    table.write_bytes((folder / "attributes.csv").read_bytes())
    assert fetch_on_a_full_disk("flowers", data) == [table.name]
    assert len(full_disk) == 1


@pytest.mark.parametrize("source", [None, "http://example.org/data", "/nowhere"])
def test_a_source_without_the_images_is_named(flowers, tmp_path, source):
    description = describe_dataset("flowers")
    with pytest.raises(ValueError, match="name the folder that holds flowers/images/ as data_source") as error:
        attribute_table.fetch(tmp_path / "raw", description, source)
    assert repr(source) in str(error.value)

"""Data sets in folders of classes: listed before any job, and read as torchvision reads them."""

import json
import os
import shutil

import numpy as np
import pytest
import torchvision.datasets
from torchvision.transforms import v2

import fetch_dataset
import prepare_dataset
from unlearning.data import class_listing
from unlearning.data.dataset import Dataset
from unlearning.data.description import DATA_VARIABLE, describe_dataset
from unlearning.datasets import imagenet
from unlearning.io.downloads import SOURCE_VARIABLE

from ...miniature import write_class_folders

CLASSES = ["n01440764", "n01443537", "n01484850"]


@pytest.fixture
def source(tmp_path, monkeypatch):
    """The folder of the user's data sets, as the environment names it."""
    monkeypatch.setenv(SOURCE_VARIABLE, str(tmp_path / "source"))
    (tmp_path / "source").mkdir()
    describe_dataset.cache_clear()
    yield tmp_path / "source"
    describe_dataset.cache_clear()


@pytest.fixture
def folder(source):
    """ImageNet in miniature: three classes of five and four pictures."""
    write_class_folders(source / "imagenet", CLASSES, train=5, val=4)
    return source / "imagenet"


def test_classes_and_counts_are_those_of_the_folders_up_to_the_limit(source, folder, monkeypatch):
    (folder / "train" / CLASSES[0] / ".hidden.jpg").touch()
    description = describe_dataset("imagenet")
    assert description["classes"] == CLASSES
    assert (description["train_images"], description["heldout_images"]) == ([5, 5, 5], [4, 4, 4])
    limited = class_listing.complete(imagenet.DATASET | {"images_per_class": {"train": 3, "val": 4}}, str(source))
    assert (limited["train_images"], limited["heldout_images"]) == ([3, 3, 3], [4, 4, 4])
    entries = []
    monkeypatch.setattr(class_listing, "pictures", lambda folder: (entries.append(each) or each for each in range(10)))
    assert class_listing.count(folder, 3) == 3 == len(entries)


def test_pictures_of_every_kind_are_used_and_hidden_files_ignored(folder):
    names = ["A.JPG", "b.jfif", "c.webp", "d.bmp", "e.TIF", "f.tiff", "g.gif", "h.Png"]
    for name in (*names, ".DS_Store", "Thumbs.db", "desktop.ini", "._a.jpg"):
        (folder / "train" / CLASSES[0] / name).touch()
    expected = {f"train/{CLASSES[0]}/{name}" for name in names}
    assert expected < set(class_listing.used(folder, imagenet.DATASET))
    assert class_listing.count(folder / "train" / CLASSES[0], 100) == 5 + len(names)


def test_whatever_would_be_left_out_is_counted_in_one_message(folder, tmp_path):
    place = folder / "train" / CLASSES[0]
    for name in ("a.heic", "b.HEIC", "notes.txt", "README"):
        (place / name).touch()
    for split in ("train", "val"):
        (folder / split / CLASSES[1] / "more.png").mkdir()
        (folder / split / CLASSES[1] / "more.png" / "x.png").touch()
    (place / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (place / "itself.jpg").symlink_to("itself.jpg")
    os.mkfifo(place / "pipe.jpg")
    (folder / "val" / "flat.jpg").touch()
    with pytest.raises(ValueError, match=f"^{folder}: 10 files and folders would be left out: ") as error:
        class_listing.used(folder, imagenet.DATASET)
    for told in (
        f"1 outside all folders of classes, such as {folder}/val/flat.jpg",
        f"1 of another kind (.heic), such as {place}/a.heic",
        f"1 of another kind (.txt), such as {place}/notes.txt",
        f"1 of another kind (without a suffix), such as {place}/README",
        f"2 folders in a class, such as {folder}/train/{CLASSES[1]}/more.png",
        f"2 links to nothing, such as {place}/gone.jpg",
        f"1 that are no plain files, such as {place}/pipe.jpg",
        "Put pictures (.jpg, .jpeg, .jfif, .png, .webp, .tif, .tiff, .bmp, .gif) directly into the folder",
        "hidden files such as .DS_Store, Thumbs.db and desktop.ini are ignored",
    ):
        assert told in str(error.value)


def test_links_to_pictures_and_to_folders_of_pictures_are_used(folder, tmp_path):
    place = folder / "train" / CLASSES[0]
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    (place / "z.jpg").symlink_to(next(place.glob("*_1.JPEG")))
    assert f"train/{CLASSES[0]}/z.jpg" in class_listing.used(folder, imagenet.DATASET)


@pytest.mark.parametrize("place", ["class", "picture", "split"])
def test_names_that_are_not_utf8_are_shown_by_their_bytes(folder, place):
    name = os.fsdecode(b"caf\xe9.jpg")
    if place == "class":
        for split in ("train", "val"):
            (folder / split / name).mkdir()
    elif place == "picture":
        (folder / "train" / CLASSES[0] / name).touch()
    else:
        (folder / "train" / name).touch()
    with pytest.raises(ValueError, match=r"caf\\xe9\.jpg") as error:
        class_listing.used(folder, imagenet.DATASET)
    str(error.value).encode()


def test_a_class_of_other_files_alone_says_so(folder):
    for path in (folder / "train" / CLASSES[0]).iterdir():
        path.rename(path.with_suffix(".heic"))
    with pytest.raises(ValueError, match=r"no picture .* lies directly in this class; .* convert the 5 files and fold"):
        describe_dataset("imagenet")


def test_once_fetched_the_source_may_be_gone(source, folder, tmp_path, monkeypatch):
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
    _, manifest = prepare(tmp_path / "data" / "imagenet", monkeypatch)
    monkeypatch.undo()
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
    for place in (str(source), "", str(tmp_path / "nowhere")):
        monkeypatch.setenv(SOURCE_VARIABLE, place)
        if folder.exists():
            shutil.rmtree(folder)
        describe_dataset.cache_clear()
        description = describe_dataset("imagenet")
        for key in ("classes", "train_images", "heldout_images"):
            assert description[key] == manifest[key]
    (tmp_path / "data" / "imagenet" / "fetched.json").unlink()
    describe_dataset.cache_clear()
    with pytest.raises(ValueError, match="everyone needs their own copy"):
        describe_dataset("imagenet")


@pytest.mark.parametrize("place", [None, "https://example.org/data"])
def test_without_a_folder_the_data_set_says_where_to_get_it(place):
    with pytest.raises(ValueError, match="everyone needs their own copy") as error:
        class_listing.complete(imagenet.DATASET, place)
    assert repr(place) in str(error.value)


def prepare(data, monkeypatch, **changes):
    """Fetch and prepare the miniature of ImageNet at 16×16 pixels."""
    monkeypatch.setattr(imagenet, "DATASET", imagenet.DATASET | {"image_shape": [3, 16, 16], **changes})
    complete = class_listing.complete(imagenet.DATASET, os.environ[SOURCE_VARIABLE])
    for script in (fetch_dataset, prepare_dataset):
        monkeypatch.setattr(script, "describe_dataset", lambda name: complete)
    fetch_dataset.main(dataset="imagenet", looked_up="", fetched=data / "fetched.json")
    outputs = {"prepared": data / "prepared.safetensors", "manifest": data / "manifest.json"}
    prepare_dataset.main(dataset="imagenet", fetched=data / "fetched.json", **outputs)
    return Dataset.load(outputs["prepared"]), json.loads(outputs["manifest"].read_text())


def test_images_are_those_that_torchvision_resizes_and_cuts(folder, tmp_path, monkeypatch):
    (folder / "val" / CLASSES[1]).rename(tmp_path / "elsewhere")  # as where disks are full
    (folder / "val" / CLASSES[1]).symlink_to(tmp_path / "elsewhere")
    data, manifest = prepare(tmp_path / "data", monkeypatch, images_per_class={"train": 2, "val": 50})
    transform = v2.Compose([v2.Resize(16), v2.CenterCrop(16), v2.PILToTensor()])
    theirs = {split: torchvision.datasets.ImageFolder(folder / split, transform) for split in ("train", "val")}
    expected = [theirs["train"][place] for place in (0, 1, 5, 6, 10, 11)] + list(theirs["val"])
    assert data.classes == theirs["train"].classes == manifest["classes"]
    np.testing.assert_array_equal(data.labels, [label for _, label in expected])
    np.testing.assert_array_equal(data.train, [True] * 6 + [False] * 12)
    difference = data.images.astype(int) - np.stack([image.numpy() for image, _ in expected])
    assert np.abs(difference).mean() < 6  # theirs resizes before it cuts, so that edges differ
    assert (manifest["train_images"], manifest["unreadable"]) == ([2, 2, 2], 0)
    assert {path.name for path in (tmp_path / "data" / "raw").iterdir()} == {"train", "val"}
    assert len(list((tmp_path / "data" / "raw").rglob("*.JPEG"))) == 18


def test_unreadable_pictures_are_left_out_up_to_a_share(folder, tmp_path, monkeypatch):
    (folder / "train" / CLASSES[1] / f"{CLASSES[1]}_3.JPEG").write_bytes(b"\xff\xd8broken")
    pictures = imagenet.DATASET["pictures"]
    data, manifest = prepare(tmp_path / "data", monkeypatch, pictures=pictures | {"unreadable_share": 0.04})
    assert np.bincount(data.labels[data.train]).tolist() == manifest["train_images"] == [5, 4, 5]
    assert manifest["unreadable"] == 1
    assert len(data.images) == len(data.attributes) == 26
    message = r"1 of 27 pictures are missing or cannot be read.*n01443537_3.JPEG.*Put them right in the data source"
    with pytest.raises(ValueError, match=message) as error:
        prepare(tmp_path / "other", monkeypatch, pictures=pictures)
    for path in (tmp_path / "other" / "fetched.json", tmp_path / "other" / "raw"):
        assert f"{path} " in error.value.__notes__[0]


def test_a_full_disk_leaves_no_half_of_a_split(folder, tmp_path, full_disk):
    raw = tmp_path / "data" / "raw"
    with pytest.raises(OSError, match=f"^{raw}: cannot be written: No space left on device; make room"):
        fetch_dataset.main(dataset="imagenet", looked_up="", fetched=tmp_path / "data" / "fetched.json")
    assert len(full_disk) == 1
    assert list((tmp_path / "data").rglob("*")) == [raw]

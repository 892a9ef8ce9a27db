"""Data sets in folders of classes: listed before any job, and read as torchvision reads them."""

import json

import numpy as np
import pytest
import torchvision.datasets
from torchvision.transforms import v2

import fetch_dataset
import prepare_dataset
from unlearning.data import class_listing
from unlearning.data.dataset import Dataset
from unlearning.data.description import describe_dataset
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
    (folder / "train" / CLASSES[0] / "notes.txt").touch()
    (folder / "train" / CLASSES[0] / ".hidden.jpg").touch()
    (folder / "train" / "README").touch()
    description = describe_dataset("imagenet")
    assert description["classes"] == CLASSES
    assert (description["train_images"], description["heldout_images"]) == ([5, 5, 5], [4, 4, 4])
    limited = class_listing.complete(imagenet.DATASET | {"images_per_class": {"train": 3, "val": 4}}, str(source))
    assert (limited["train_images"], limited["heldout_images"]) == ([3, 3, 3], [4, 4, 4])
    entries = []
    monkeypatch.setattr(class_listing, "pictures", lambda folder: (entries.append(each) or each for each in range(10)))
    assert class_listing.count(folder, 3) == 3 == len(entries)


@pytest.mark.parametrize("place", [None, "https://example.org/data"])
def test_without_a_folder_the_data_set_says_where_to_get_it(place):
    with pytest.raises(ValueError, match="everyone needs their own copy") as error:
        class_listing.complete(imagenet.DATASET, place)
    assert repr(place) in str(error.value)


def prepare(data, monkeypatch, **changes):
    """Fetch and prepare the miniature of ImageNet at 16×16 pixels."""
    monkeypatch.setattr(imagenet, "DATASET", imagenet.DATASET | {"image_shape": [3, 16, 16], **changes})
    complete = class_listing.complete(imagenet.DATASET, str(data.parent / "source"))
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

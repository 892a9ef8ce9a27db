"""The digits, and the format that data sets are prepared into."""

import gzip
import hashlib
import os

import numpy as np
import pytest
from sklearn.datasets import load_digits

import fetch_dataset
import prepare_dataset
from unlearning.data.dataset import Dataset
from unlearning.data.description import describe_dataset
from unlearning.datasets import digits
from unlearning.io.checksums import verify_files


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    digits.fetch(folder, None)
    return folder


@pytest.fixture(scope="module")
def dataset(raw):
    return digits.read(raw)


def test_digits_are_those_of_scikit_learn(dataset):
    original = load_digits()
    ours = {(image.tobytes(), label) for image, label in zip(dataset.images[:, 0], dataset.labels, strict=True)}
    rounded = np.rint(original.images * 255 / 16).astype(np.uint8)
    assert ours == {(image.tobytes(), label) for image, label in zip(rounded, original.target, strict=True)}
    assert len(dataset.labels) == 1797


def test_digits_are_as_their_file_describes_them(dataset):
    described = describe_dataset("digits")
    assert list(dataset.images.shape[1:]) == described["image_shape"]
    assert np.bincount(dataset.labels[dataset.train]).tolist() == described["train_images"]
    assert np.bincount(dataset.labels[~dataset.train]).tolist() == described["heldout_images"]
    assert described["licence"]
    assert described["source"]


def test_the_training_split_comes_first(dataset):
    assert not np.any(np.diff(dataset.train.astype(int)) > 0)


def test_the_split_is_fixed_for_good(dataset):
    content = dataset.images[dataset.train].tobytes() + dataset.labels.astype("<i8").tobytes()
    assert hashlib.sha256(content).hexdigest()[:16] == "d5e420945e5a7e04"


def test_a_prepared_data_set_survives_its_file(dataset, tmp_path):
    dataset.save(tmp_path / "prepared.safetensors")
    loaded = Dataset.load(tmp_path / "prepared.safetensors")
    for name in ("images", "labels", "attributes", "train"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(dataset, name))
        assert getattr(loaded, name).dtype == getattr(dataset, name).dtype
    assert loaded.classes == dataset.classes
    assert loaded.attribute_names == dataset.attribute_names


@pytest.mark.parametrize("hostile", ["link", "bomb", "picture", "pipe", "folder", "linked folder"])
def test_a_hostile_folder_is_refused_before_anything_is_unpacked(tmp_path, monkeypatch, hostile):
    monkeypatch.setattr(digits, "read", lambda raw: pytest.fail("was read"))
    raw = tmp_path / "data" / "raw"
    raw.mkdir(parents=True)
    file = raw / "digits.csv.gz"
    if hostile == "link":
        file.symlink_to("/dev/zero")
    elif hostile == "bomb":
        file.write_bytes(gzip.compress(bytes(10_000_000)))
    elif hostile == "picture":
        file.write_bytes(b"\x89PNG\r\n\x1a\n")
    elif hostile == "pipe":
        os.mkfifo(file)
    elif hostile == "folder":
        file.mkdir()
    else:
        raw.rename(tmp_path / "elsewhere")
        raw.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(ValueError, match="is a symbolic link"):
            fetch_dataset.main(dataset="digits", looked_up="", fetched=tmp_path / "data" / "fetched.json")
        assert not list((tmp_path / "elsewhere").iterdir())
    outputs = {name: tmp_path / "data" / name for name in ("prepared", "manifest")}
    with pytest.raises(ValueError, match=r"must be a plain (file|folder)|digits\.csv\.gz: sha256 is"):
        prepare_dataset.main(dataset="digits", fetched=tmp_path / "data" / "fetched.json", **outputs)
    assert not any(path.exists() for path in outputs.values())


def test_an_altered_or_missing_file_is_named(raw, tmp_path):
    checksums = describe_dataset("digits")["files"]
    (tmp_path / "digits.csv.gz").write_bytes((raw / "digits.csv.gz").read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"digits.csv.gz: sha256 is .* truncated or altered; delete it"):
        verify_files(tmp_path, checksums)
    (tmp_path / "digits.csv.gz").unlink()
    with pytest.raises(ValueError, match=f"missing; delete the folder {tmp_path.parent}, "):
        verify_files(tmp_path, checksums)

"""Data sets are fetched and prepared as their files say, and hostile files are refused before they are unpacked."""

import gzip
import os

import numpy as np
import pytest

import fetch_dataset
import prepare_dataset
from unlearning import datasets
from unlearning.data.dataset import Dataset
from unlearning.datasets import digits
from unlearning.io.downloads import SOURCE_VARIABLE
from unlearning.io.files import read_json

from ...miniature import example, forget_dataset, install_dataset


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


def test_the_data_set_of_the_example_is_fetched_and_prepared(tmp_path, monkeypatch):
    source, data = tmp_path / "source", tmp_path / "data"
    generator = np.random.default_rng(0)
    arrays = {
        "images": generator.integers(0, 256, (20, 1, 8, 8), dtype=np.uint8),
        "labels": np.arange(20) % 2,
        "heldout": np.arange(20) < 4,
    }
    (source / "stripes").mkdir(parents=True)
    np.savez(source / "stripes" / "stripes.npz", **arrays)
    code = example(datasets.__doc__, source / "stripes" / "stripes.npz")
    install_dataset("stripes", code, tmp_path / "library", monkeypatch)
    monkeypatch.setenv(SOURCE_VARIABLE, str(source))
    fetch_dataset.main(dataset="stripes", looked_up="", fetched=data / "fetched.json")
    outputs = {"prepared": data / "prepared.safetensors", "manifest": data / "manifest.json"}
    prepare_dataset.main(dataset="stripes", fetched=data / "fetched.json", **outputs)
    forget_dataset("stripes")
    dataset = Dataset.load(outputs["prepared"])
    np.testing.assert_array_equal(dataset.images, np.roll(arrays["images"], -4, axis=0))
    np.testing.assert_array_equal(dataset.labels, np.roll(arrays["labels"], -4))
    assert dataset.train.tolist() == [True] * 16 + [False] * 4
    assert read_json(outputs["manifest"])["licence"] == "CC0"

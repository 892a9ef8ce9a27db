"""Turn a data set's original files into the one format that all other scripts read."""

import shutil
from pathlib import Path

import numpy as np

from unlearning.data.dataset import Dataset
from unlearning.data.decoding import CHUNKS
from unlearning.data.description import describe_dataset
from unlearning.io.checksums import verify_files
from unlearning.io.files import sha256_of_file, write_json
from unlearning.plugins.load import load_plugin
from unlearning.runtime.job import run


def main(*, dataset: str, fetched: Path, prepared: Path, manifest: Path) -> None:
    """Read the folder `raw` beside `fetched`; write the images and a manifest.

    Args:
        dataset: name of the data set, a file in `unlearning/datasets`.
        fetched: JSON file which tells that the original files are whole.
        prepared: safetensors file to write, see `unlearning.data.dataset.Dataset`.
        manifest: JSON file to write, with source, licence, checksums and class counts.

    Raises:
        ValueError: an original file has changed since it was fetched, or the images are not as the data set's file
            describes them.
    """
    description, raw = describe_dataset(dataset), fetched.parent / "raw"
    try:
        verify_files(raw, description["files"])
        images = load_plugin("datasets", dataset).read(raw)
    except ValueError as error:
        # Not deleted here: a retry on SLURM would lack its input.
        error.add_note(f"Put the data source right; it is fetched again once {fetched} and {raw} are deleted.")
        raise
    contents = _contents(images, len(description["classes"]))
    unreadable = _count_unreadable(dataset, description, contents)
    images.save(prepared)
    write_json(manifest, {**description, **contents, "unreadable": unreadable, "sha256": sha256_of_file(prepared)})
    shutil.rmtree(fetched.parent / CHUNKS, ignore_errors=True)


def _contents(images: Dataset, classes: int) -> dict:
    """Describe prepared images by keys of a data set's description."""
    return {
        "image_shape": list(images.images.shape[1:]),
        "classes": images.classes,
        "train_images": np.bincount(images.labels[images.train], minlength=classes).tolist(),
        "heldout_images": np.bincount(images.labels[~images.train], minlength=classes).tolist(),
        "attributes": images.attribute_names,
    }


def _count_unreadable(dataset: str, description: dict, contents: dict) -> int:
    """Count the unreadable pictures, which are not among the images.

    Args:
        dataset: name of the data set.
        description: its description.
        contents: the prepared images, by the same keys.

    Returns:
        Number of pictures.

    Raises:
        ValueError: the images are not as described. Counts may be smaller, by at most the data set's
            `unreadable_share`.
    """
    expected, actual = (each["train_images"] + each["heldout_images"] for each in (description, contents))
    missing = [number - readable for number, readable in zip(expected, actual, strict=False)]
    allowed = description.get("pictures", {}).get("unreadable_share", 0) * sum(expected)
    if len(expected) == len(actual) and min(missing) >= 0 and sum(missing) <= allowed:
        description = description | {key: contents[key] for key in ("train_images", "heldout_images")}
    if wrong := {key: value for key, value in contents.items() if value != description.get(key, [])}:
        raise ValueError(f"data set {dataset}: its images have {wrong}, but its file describes others; correct one")
    return sum(missing)


if "snakemake" in globals():
    run(main, snakemake)

"""Turn a data set's original files into the one format that everything else reads."""

import shutil
from pathlib import Path

import numpy as np

from unlearning.data.decoding import CHUNKS
from unlearning.data.description import describe_dataset
from unlearning.io.checksums import verify_files
from unlearning.io.files import sha256_of_file, write_json
from unlearning.plugins.load import load_plugin
from unlearning.runtime.job import run


def main(*, dataset: str, fetched: Path, prepared: Path, manifest: Path) -> None:
    """Read the folder `raw` beside `fetched`; write the images and a manifest of what they are.

    Args:
        dataset: name of the data set.
        fetched: says that the original files are there.
        prepared: safetensors file, see `unlearning.data.dataset.Dataset`.
        manifest: JSON file with source, licence, checksums and class counts.

    Raises:
        ValueError: an original file changed since it was fetched, or the images are not as described.
    """
    described = describe_dataset(dataset)
    raw = fetched.parent / "raw"
    try:
        verify_files(raw, described["files"])
        images = load_plugin("datasets", dataset).read(raw)
    except ValueError as error:
        # Not deleted here: a retry on SLURM would lack its input.
        error.add_note(f"What is put right in the data source is fetched again once {fetched} and {raw} are deleted.")
        raise

    count = len(described["classes"])
    found = {
        "image_shape": list(images.images.shape[1:]),
        "classes": images.classes,
        "train_images": np.bincount(images.labels[images.train], minlength=count).tolist(),
        "heldout_images": np.bincount(images.labels[~images.train], minlength=count).tolist(),
        "attributes": images.attribute_names,
    }
    expected, counted = (each["train_images"] + each["heldout_images"] for each in (described, found))
    lost = [some - others for some, others in zip(expected, counted, strict=False)]
    allowed = described.get("pictures", {}).get("unreadable_share", 0) * sum(expected)
    if len(expected) == len(counted) and min(lost) >= 0 and sum(lost) <= allowed:
        described = described | {key: found[key] for key in ("train_images", "heldout_images")}
    wrong = {key: value for key, value in found.items() if value != described.get(key, [])}
    if wrong:
        raise ValueError(f"data set {dataset}: its file describes it otherwise than found: {wrong}")

    images.save(prepared)
    write_json(manifest, {**described, **found, "unreadable": sum(lost), "sha256": sha256_of_file(prepared)})
    shutil.rmtree(fetched.parent / CHUNKS, ignore_errors=True)


if "snakemake" in globals():
    run(main, snakemake)

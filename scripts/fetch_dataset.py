"""Put a data set's original files into place and check them against their published checksums."""

import os
from pathlib import Path

from unlearning.data.description import describe_dataset
from unlearning.io.downloads import SOURCE_VARIABLE
from unlearning.io.files import explain_full_disk, write_json
from unlearning.plugins.load import load_plugin
from unlearning.runtime.job import run


def main(*, dataset: str, looked_up: str, fetched: Path) -> None:
    """Fetch the files into the folder `raw` beside `fetched`, and say there what they are.

    Args:
        dataset: name of the data set, a file in `unlearning/datasets`.
        looked_up: hash of what the user's folders hold, so that what they hold now is prepared.
        fetched: JSON file that says the original files are whole.

    Raises:
        ValueError: a file cannot be had, has not its published checksum, or the folder leads elsewhere.
        OSError: the disk is full.
    """
    raw = fetched.parent / "raw"
    if raw.is_symlink():
        raise ValueError(f"{raw}: is a symbolic link, and writing would change another folder; delete it and run again")
    with explain_full_disk(raw):
        load_plugin("datasets", dataset).fetch(raw, os.environ.get(SOURCE_VARIABLE))
    described = describe_dataset(dataset)
    keys = ("files", "classes", "train_images", "heldout_images")
    write_json(fetched, {"dataset": dataset, **{key: described[key] for key in keys}, "looked_up": looked_up})


if "snakemake" in globals():
    run(main, snakemake)

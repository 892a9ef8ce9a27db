"""Put a data set's original files into place and check them against their published checksums."""

import os
from pathlib import Path

from unlearning import plugins
from unlearning.datasets import SOURCE_VARIABLE
from unlearning.files import write_json
from unlearning.job import run


def main(*, dataset: str, code: str, fetched: Path) -> None:
    """Fetch the files into the folder `raw` beside `fetched`, and list them there.

    Args:
        dataset: name of the data set, a file in `unlearning/datasets`.
        code: hash of the code that runs, for Snakemake's eyes only.
        fetched: JSON file that says the original files are whole.

    Raises:
        ValueError: a file cannot be had, has not its published checksum, or the folder leads elsewhere.
    """
    raw = fetched.parent / "raw"
    if raw.is_symlink():
        raise ValueError(f"{raw}: is a symbolic link, and writing would change another folder; delete it and run again")
    plugins.load("datasets", dataset).fetch(raw, os.environ.get(SOURCE_VARIABLE))
    write_json(fetched, {"dataset": dataset, "files": plugins.describe("datasets", dataset)["files"]})


if "snakemake" in globals():
    run(main, snakemake)

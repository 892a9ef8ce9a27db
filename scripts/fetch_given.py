"""Put a file of weights that an experiment names by its URL into place, and compare the file with its checksum."""

from pathlib import Path

from unlearning.io import given_files
from unlearning.io.downloads import user_source
from unlearning.io.files import write_json
from unlearning.runtime.job import run


def main(*, entry: dict, fetched: Path) -> None:
    """Fetch the file into the folder of `fetched`; see `given_files.fetch` for its errors.

    Args:
        entry: URL, folder and checksum, see `given_files.one_of`.
        fetched: JSON file to write; it tells that the file is whole.
    """
    path = given_files.fetch(entry, fetched.parent, user_source())
    write_json(fetched, {**entry, "file": path.name})


if "snakemake" in globals():
    run(main, snakemake)

"""Put a data set's original files into place and compare them with their published checksums."""

from pathlib import Path

from unlearning.data.description import describe_dataset
from unlearning.io.downloads import user_source
from unlearning.io.files import explain_full_disk, write_json
from unlearning.plugins.load import load_plugin
from unlearning.runtime.job import run


def main(*, dataset: str, looked_up: str, fetched: Path) -> None:
    """Fetch the files into the folder `raw` beside `fetched`, and write what they are.

    The data set's `fetch` raises a ValueError for a file that is missing or has another checksum. On a full disk,
    `explain_full_disk` raises an OSError.

    Args:
        dataset: name of the data set, a file in `unlearning/datasets`.
        looked_up: hash of the content of the user's folders; another content is fetched and prepared again.
        fetched: JSON file to write; it tells that the original files are whole.

    Raises:
        ValueError: the folder is a link.
    """
    raw = fetched.parent / "raw"
    if raw.is_symlink():
        raise ValueError(f"{raw}: is a symbolic link, and writing would change another folder; delete it and run again")
    with explain_full_disk(raw):
        load_plugin("datasets", dataset).fetch(raw, user_source())
    description = describe_dataset(dataset)
    keys = ("files", "classes", "train_images", "heldout_images")
    write_json(fetched, {"dataset": dataset, **{key: description[key] for key in keys}, "looked_up": looked_up})


if "snakemake" in globals():
    run(main, snakemake)

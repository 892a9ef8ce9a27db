"""What a data set's file says about the data set."""

import os
from contextlib import suppress
from functools import cache
from pathlib import Path

from unlearning.data import class_listing
from unlearning.io.downloads import user_source
from unlearning.io.files import read_json
from unlearning.plugins.describe import describe_plugin
from unlearning.plugins.outside import location

DATA_VARIABLE = "UNLEARNING_DATA"  # environment variable: the folder for data sets; `data` in config.yaml sets it


@cache
def describe_dataset(name: str) -> dict:
    """Read the literal `DATASET` of a data set; its file is not executed.

    `describe_plugin` raises a ValueError for a literal that it cannot read, and `class_listing.complete` for folders
    of classes that are missing or wrong.

    Args:
        name: name of the data set, a file in `unlearning/datasets`.

    Returns:
        The literal, see `unlearning.datasets`. For a data set in folders of classes, it also has the classes and
        counts of the user's copy or, where this copy is gone, those that were fetched from it.
    """
    description, source = describe_plugin("datasets", location("datasets", name)), user_source()
    if description.get("classes") != "folders":
        return description
    fetched = what_was_fetched(name)
    if fetched and not class_listing.is_there(description, source):
        return description | {key: fetched[key] for key in ("classes", "train_images", "heldout_images")}
    return class_listing.complete(description, source)


def what_was_fetched(name: str) -> dict | None:
    """Read the record of a data set whose original files are fetched.

    Args:
        name: of the data set.

    Returns:
        The content of `fetched.json`, see `fetch_dataset`; None where there is no such file.
    """
    folder = os.environ.get(DATA_VARIABLE)
    with suppress(OSError, ValueError):
        return read_json(Path(folder) / name / "fetched.json") if folder else None
    return None

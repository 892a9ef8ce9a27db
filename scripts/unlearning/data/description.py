"""What a data set's file says about the data set."""

import os
from functools import cache

from unlearning.data import class_listing
from unlearning.io.downloads import SOURCE_VARIABLE
from unlearning.plugins.describe import describe_plugin


@cache
def describe_dataset(name: str) -> dict:
    """Read the literal `DATASET` of a data set; its file is not executed.

    `describe_plugin` raises a ValueError for a literal that it cannot read, and `class_listing.complete` for folders
    of classes that are missing or wrong.

    Args:
        name: name of the data set, a file in `unlearning/datasets`.

    Returns:
        The literal, see `unlearning.datasets`. For a data set in folders of classes, it also has the classes and
        counts of the user's copy.
    """
    description = describe_plugin("datasets", name)
    if description.get("classes") == "folders":
        return class_listing.complete(description, os.environ.get(SOURCE_VARIABLE))
    return description

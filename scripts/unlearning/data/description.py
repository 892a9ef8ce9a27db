"""What a data set's file says of it."""

import os
from functools import cache

from unlearning.data import class_listing
from unlearning.io.downloads import SOURCE_VARIABLE
from unlearning.plugins.describe import describe_plugin


@cache
def describe_dataset(name: str) -> dict:
    """The literal `DATASET` of a data set, read without running its file.

    For a data set in folders of classes, it has the classes and counts of the user's copy.

    Args:
        name: of the data set, a file in `unlearning/datasets`.

    Returns:
        Name, title, source, licence, checksums of files, image shape, classes and images per class.

    Raises:
        ValueError: see `describe_plugin` and `class_listing.complete`.
    """
    described = describe_plugin("datasets", name)
    if described.get("classes") == "folders":
        return class_listing.complete(described, os.environ.get(SOURCE_VARIABLE))
    return described

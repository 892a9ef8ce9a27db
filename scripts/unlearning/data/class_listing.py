"""What is in folders of classes: their names, and how many pictures of each are used.

A data set with `"classes": "folders"` in its `DATASET` lies in `{data_source}/{name}/{train,val}/{class}/`, the
layout of torchvision's ImageFolder. Which classes these are, and how many pictures each has, is looked up in the
user's own copy whenever the workflow is parsed. It counts no further than `images_per_class`, so that
ImageNet's 1.3 million files take a fraction of a second.
"""

import difflib
import os
from pathlib import Path

from unlearning.io.downloads import SOURCE_VARIABLE

SPLITS = {"train": "train_images", "val": "heldout_images"}  # folder of each split, and its key in a description
SUFFIXES = (".jpeg", ".jpg", ".png")


def complete(described: dict, source: str | None) -> dict:
    """The description of a data set with the classes and counts that its folders have.

    Args:
        described: its `DATASET`, with `"classes": "folders"`.
        source: the folder that holds `{name}/train/` and `{name}/val/`.

    Raises:
        ValueError: see `find`, `class_names` and `count`.
    """
    folder = find(described, source)
    classes, counts = class_names(folder), {}
    for split, key in SPLITS.items():
        limit = described["images_per_class"][split]
        counts[key] = [count(folder / split / name, limit) for name in classes]
    return {**described, "classes": classes, **counts}


def find(described: dict, source: str | None) -> Path:
    """The user's copy of a data set.

    Raises:
        ValueError: there is none; says how it must lie, and where it can be had.
    """
    name = described["name"]
    folder = Path(source or "") / name
    if not source or "://" in source or not all((folder / split).is_dir() for split in SPLITS):
        raise ValueError(
            f"everyone needs their own copy ({described['licence']}): from {described['source']}. Name the folder that "
            f"holds {name}/train/{{class}}/ and {name}/val/{{class}}/ as data_source in config.yaml, or in the "
            f"environment variable {SOURCE_VARIABLE}; now it is {source!r}"
        )
    return folder


def class_names(folder: Path) -> list[str]:
    """Sorted names of the folders in train/, which val/ must have as well.

    Raises:
        ValueError: there are none, or others in val/.
    """
    train, val = ({entry.name for entry in visible(folder / split) if entry.is_dir()} for split in SPLITS)
    if not train or not val:
        raise ValueError(
            f"{folder / ('val' if train else 'train')}: has no folder for each class; sort the pictures into folders"
        )
    if other := sorted(train ^ val):
        lone = other[0]
        near = difflib.get_close_matches(lone, train if lone in val else val, n=1)
        raise ValueError(
            f"{folder}: {len(other)} classes are only in one of train/ and val/, such as {lone!r} in "
            f"{'train' if lone in train else 'val'}/{f' (is it {near[0]!r} in the other?)' if near else ''}"
        )
    return sorted(train)


def count(folder: Path, limit: int) -> int:
    """How many pictures a class has, at most `limit`.

    Raises:
        ValueError: it has none.
    """
    found = 0
    for _ in pictures(folder):
        found += 1
        if found == limit:
            break
    if not found:
        raise ValueError(f"{folder}: no picture ({', '.join(SUFFIXES)}) lies directly in this class; add some")
    return found


def first(folder: Path, limit: int) -> list[str]:
    """The pictures of a class that are used: of all, sorted by name, the first `limit`."""
    return sorted(entry.name for entry in pictures(folder))[:limit]


def pictures(folder: Path):
    """Directory entries of the pictures of a class."""
    return (entry for entry in visible(folder) if entry.name.lower().endswith(SUFFIXES) and entry.is_file())


def visible(folder: Path):
    """Directory entries but for hidden ones."""
    with os.scandir(folder) as entries:
        yield from (entry for entry in entries if not entry.name.startswith("."))

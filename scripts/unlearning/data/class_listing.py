"""What folders of classes hold: names of the classes, and which pictures of each class are used.

A data set with `"classes": "folders"` in its `DATASET` lies in `{data_source}/{name}/{train,val}/{class}/`, the
layout of torchvision's ImageFolder. The classes and counts are read from the user's own copy whenever the workflow
is parsed. The count of a class stops at `images_per_class`, so that ImageNet's 1.3 million files take a fraction of
a second. Only the process that the user starts looks at all files, by `used`.
"""

import difflib
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from unlearning.data import file_names
from unlearning.data.decoding import SUFFIXES
from unlearning.io.downloads import SOURCE_VARIABLE

SPLITS = {"train": "train_images", "val": "heldout_images"}  # folder of each split, and its key in a description


def complete(description: dict, source: str | None) -> dict:
    """Add the classes and counts of the user's copy to a description.

    `find`, `class_names` and `count` raise a ValueError where the copy is missing or wrong.

    Args:
        description: the data set's `DATASET`, with `"classes": "folders"`.
        source: folder that holds `{name}/train/` and `{name}/val/`.

    Returns:
        The description with `classes`, `train_images` and `heldout_images`.
    """
    folder = find(description, source)
    classes, counts = class_names(folder), {}
    for split, key in SPLITS.items():
        counts[key] = [count(folder / split / name, description["images_per_class"][split]) for name in classes]
    return {**description, "classes": classes, **counts}


def is_there(description: dict, source: str | None) -> bool:
    """Whether the user's source has a copy of a data set."""
    if not source or "://" in source:
        return False
    return all((Path(source) / description["name"] / split).is_dir() for split in SPLITS)


def find(description: dict, source: str | None) -> Path:
    """Find the user's copy of a data set.

    Args:
        description: the data set's `DATASET`.
        source: folder with the user's data sets.

    Returns:
        Folder of this data set.

    Raises:
        ValueError: there is no copy. The message says how it must lie, and where to get it.
    """
    name = description["name"]
    if not is_there(description, source):
        raise ValueError(
            f"everyone needs their own copy ({description['licence']}): from {description['source']}. Name the folder "
            f"that holds {name}/train/{{class}}/ and {name}/val/{{class}}/ as data_source in config.yaml, or in the "
            f"environment variable {SOURCE_VARIABLE}; now it is {source!r}"
        )
    return Path(source) / name


def class_names(folder: Path) -> list[str]:
    """List the classes: the folders in train/, which val/ must have as well.

    `file_names.check_utf8` raises a ValueError for a name that is not UTF-8.

    Args:
        folder: folder that holds train/ and val/.

    Returns:
        Sorted names.

    Raises:
        ValueError: there are no folders, or val/ has others than train/.
    """
    train, val = ({entry.name for entry in visible(folder / split) if entry.is_dir()} for split in SPLITS)
    file_names.check_utf8(folder, train | val)
    if not train or not val:
        raise ValueError(
            f"{folder / ('val' if train else 'train')}: has no folder for each class; sort the pictures into folders"
        )
    if unmatched := sorted(train ^ val):
        name = unmatched[0]
        similar = difflib.get_close_matches(name, train if name in val else val, n=1)
        raise ValueError(
            f"{folder}: {len(unmatched)} classes are only in one of train/ and val/, such as {name!r} in "
            f"{'train' if name in train else 'val'}/{f' (is it {similar[0]!r} in the other?)' if similar else ''}"
        )
    return sorted(train)


def count(folder: Path, limit: int) -> int:
    """Count the pictures of a class.

    Args:
        folder: folder of the class.
        limit: number at which the count stops.

    Returns:
        Number of pictures, at most `limit`.

    Raises:
        ValueError: there are none.
    """
    number = sum(1 for _ in islice(pictures(folder), limit))
    if not number:
        others = [file_names.printable(entry.name) for entry in visible(folder)]
        raise ValueError(
            f"{folder}: no picture ({', '.join(SUFFIXES)}) lies directly in this class; add some"
            + (f", or convert the {len(others)} files and folders there, such as {others[0]!r}" if others else "")
        )
    return number


def first(folder: Path, limit: int) -> list[str]:
    """List the pictures of a class that are used: the first `limit` by name."""
    return sorted(entry.name for entry in pictures(folder))[:limit]


def pictures(folder: Path) -> Iterator[os.DirEntry]:
    """Iterate over the pictures that lie directly in a folder."""
    return (entry for entry in visible(folder) if _fault(entry) is None)


def visible(folder: Path) -> Iterator[os.DirEntry]:
    """Iterate over the entries of a folder that are not ignored."""
    with os.scandir(folder) as entries:
        yield from (entry for entry in entries if not file_names.is_ignored(entry.name))


def used(folder: Path, description: dict) -> list[str]:
    """List the pictures that are used, and refuse whatever would be left out.

    Args:
        folder: folder of the data set, as `find` returns it.
        description: the data set's `DATASET`.

    Returns:
        The paths of the pictures in the folder.

    Raises:
        ValueError: train/ and val/ hold something that is no picture in a class. The message counts these files and
            folders.
    """
    classes, paths, faults = class_names(folder), [], defaultdict(list)
    for split in SPLITS:
        for entry in visible(folder / split):
            if not entry.is_dir():
                faults["outside all folders of classes"].append(entry.path)
        for name in classes:
            names = []
            for entry in visible(folder / split / name):
                if fault := _fault(entry):
                    faults[fault].append(entry.path)
                else:
                    names.append(entry.name)
            file_names.check_utf8(folder / split / name, names)
            limit = description["images_per_class"][split]
            paths += [f"{split}/{name}/{picture}" for picture in sorted(names)[:limit]]
    if faults:
        told = [f"{len(found)} {fault}, such as {file_names.printable(min(found))}" for fault, found in faults.items()]
        raise ValueError(
            f"{folder}: {sum(map(len, faults.values()))} files and folders would be left out: {'; '.join(told)}. Put "
            f"pictures ({', '.join(SUFFIXES)}) directly into the folder of their class, and take all else out of "
            f"train/ and val/; {file_names.IGNORED_IN_WORDS}"
        )
    return paths


def _fault(entry: os.DirEntry) -> str | None:
    """Why an entry in the folder of a class is not used; None for a picture."""
    if not entry.name.lower().endswith(SUFFIXES):
        suffix = file_names.printable(Path(entry.name).suffix)
        return "folders in a class" if entry.is_dir() else f"of another kind ({suffix or 'without a suffix'})"
    with suppress(OSError):  # raised for a link to itself
        if entry.is_file():
            return None
        if entry.is_dir():
            return "folders in a class"
    return "links to nothing" if entry.is_symlink() else "that are no plain files"

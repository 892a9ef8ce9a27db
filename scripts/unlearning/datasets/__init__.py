"""Data sets, one file each, and the one file format that they are prepared into.

A data set's file holds the literal `DATASET` (name, title, licence, source, files with their published
checksums, as `sha256:…` or `md5:…`, image_shape, classes, images per class in each split; where there are
any, the names of its attributes and the differences from the data of a paper that is compared; where classes are
folders, see `class_folders` instead) and two functions:
`fetch(raw, source)` puts the original files into the folder `raw`, from the folder or mirror `source` where
that is given, and `read(raw)` turns them into a `Dataset`.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from unlearning.tensors import read_tensors, write_tensors

SOURCE_VARIABLE = "UNLEARNING_DATA_SOURCE"  # environment variable that says where else to find original files
CHUNKS = "chunks"  # folder beside raw/, for parts of the preparation that an interrupted job need not do again


@dataclass(frozen=True)
class Dataset:
    """Images with their labels; the training split comes first.

    images: (N, C, H, W) uint8. labels: (N,) int64 class numbers. attributes: (N, A) uint8, 0 or 1.
    train: (N,) bool. classes: names by number. attribute_names: A names.
    """

    images: np.ndarray
    labels: np.ndarray
    attributes: np.ndarray
    train: np.ndarray
    classes: list[str]
    attribute_names: list[str]

    def save(self, path: Path) -> None:
        names = ("images", "labels", "attributes", "train")
        header = {"classes": self.classes, "attribute_names": self.attribute_names}
        write_tensors(path, {name: getattr(self, name) for name in names}, header)

    @classmethod
    def load(cls, path: Path) -> "Dataset":
        arrays, header = read_tensors(path)
        return cls(**arrays, **header)

    def labelled(self, attribute: str | None) -> "Dataset":
        """The same images in two classes, without and with an attribute; as they are for None."""
        if attribute is None:
            return self
        values = self.attributes[:, self.attribute_names.index(attribute)]
        return replace(self, labels=values.astype(np.int64), classes=class_names({"attribute": attribute}, {}))


def class_names(selection: dict, described: dict) -> list[str]:
    """Names of the classes that an experiment tells apart, by number.

    Args:
        selection: the key `forget_set` of the experiment.
        described: its data set, whose classes they are where no attribute is to be forgotten.
    """
    attribute = selection.get("attribute")
    return [f"not {attribute}", attribute] if attribute else described["classes"]


def verify_files(raw: Path, checksums: dict[str, str]) -> None:
    """Compare original files with their published checksums, before anything reads or unpacks them.

    Raises:
        ValueError: see `verify_file`, or the folder itself is a link.
    """
    if raw.is_symlink():
        raise ValueError(f"{raw}: must be a plain folder, not a link; delete it and run again")
    for name, stated in checksums.items():
        verify_file(raw / name, stated)


def verify_file(path: Path, stated: str) -> None:
    """Compare one original file with its published checksum, `sha256:…` or `md5:…`.

    Raises:
        ValueError: the file is missing, is not a plain file (a link could lead anywhere, a pipe or a
            device has no end), or its content is not the published one.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise ValueError(f"{path}: must be a plain file; delete it and run again")
    if not path.is_file():
        raise ValueError(f"{path}: missing; delete the folder {path.parents[1]}, which says it is there, and run again")
    if wrong := difference(path, stated):
        raise ValueError(f"{path}: {wrong}; delete it and run again")


def difference(path: Path, stated: str) -> str | None:
    """In what a file differs from its published checksum, `sha256:…` or `md5:…`; None where it does not."""
    algorithm, _, checksum = stated.partition(":")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    return None if found == checksum else f"{algorithm} is {found} but should be {checksum}: truncated or altered"

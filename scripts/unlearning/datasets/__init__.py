"""Data sets, one file each, and the one file format that they are prepared into.

A data set's file holds the literal `DATASET` (name, title, licence, source, files with their SHA-256,
image_shape, classes, images per class in each split) and two functions: `fetch(raw)` puts the
original files into the folder `raw`, and `read(raw)` turns them into a `Dataset`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unlearning.files import sha256_of_file
from unlearning.tensors import read_tensors, write_tensors


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


def verify_files(raw: Path, checksums: dict[str, str]) -> None:
    """Compare original files with their published SHA-256, before anything reads or unpacks them.

    Raises:
        ValueError: a file is missing, is not a plain file (a link could lead anywhere, a pipe or a device
            has no end), or its content is not the published one.
    """
    for name, stated in checksums.items():
        path = raw / name
        if raw.is_symlink() or path.is_symlink() or (path.exists() and not path.is_file()):
            raise ValueError(f"{path}: must be a plain file in a plain folder; delete the folder {raw} and run again")
        if not path.is_file():
            raise ValueError(f"{path}: missing; delete the folder {raw} and run again")
        found = sha256_of_file(path)
        if found != stated:
            raise ValueError(
                f"{path}: SHA-256 is {found} but should be {stated}: truncated or altered; delete it and run again"
            )

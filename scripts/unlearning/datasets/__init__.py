"""Data sets, one file each, and the one file format that they are prepared into.

A data set's file holds the literal `DATASET` (name, title, licence, source, files with their SHA-256,
image_shape, classes, images per class in each split) and two functions: `fetch(raw)` puts the
original files into the folder `raw`, and `read(raw)` turns them into a `Dataset`.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from unlearning.files import atomic_path, sha256_of_file


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
        tensors = {name: getattr(self, name) for name in ("images", "labels", "attributes", "train")}
        names = {name: json.dumps(getattr(self, name)) for name in ("classes", "attribute_names")}
        with atomic_path(path) as temporary:
            save_file(tensors, temporary, metadata=names)

    @classmethod
    def load(cls, path: Path) -> "Dataset":
        with safe_open(path, framework="np") as file:
            names = {name: json.loads(text) for name, text in file.metadata().items()}
            return cls(**{name: file.get_tensor(name) for name in file.keys()}, **names)  # noqa: SIM118


def verify_files(raw: Path, checksums: dict[str, str]) -> None:
    """Compare original files with their published SHA-256.

    Raises:
        ValueError: a file is missing or its content is not the published one.
    """
    for name, stated in checksums.items():
        path = raw / name
        if not path.is_file():
            raise ValueError(f"{path}: missing; delete the folder {raw} and run again")
        found = sha256_of_file(path)
        if found != stated:
            raise ValueError(
                f"{path}: SHA-256 is {found} but should be {stated}: truncated or altered; delete it and run again"
            )

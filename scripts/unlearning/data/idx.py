"""Reader of MNIST and the data sets in its format: four IDX files."""

import gzip
import shutil
import tempfile
from pathlib import Path

import numpy as np

from unlearning.data.dataset import Dataset


def read(raw: Path, description: dict) -> Dataset:
    """Read the official training split, then the official test split, which is held out.

    Args:
        raw: folder of the original files, packed by gzip.
        description: the data set's `DATASET`; the names of its files tell images from labels.

    Returns:
        The data set, without attributes.
    """
    from torchvision.datasets.mnist import read_image_file, read_label_file

    images, labels = [], []
    with tempfile.TemporaryDirectory() as folder:
        for name in description["files"]:
            path = Path(folder) / name.removesuffix(".gz")
            with gzip.open(raw / name) as archive, path.open("wb") as file:
                shutil.copyfileobj(archive, file)
            if "images" in name:
                images.append(read_image_file(str(path)).numpy()[:, None])
            else:
                labels.append(read_label_file(str(path)).numpy())
    total = sum(map(len, labels))
    return Dataset(
        images=np.concatenate(images),
        labels=np.concatenate(labels).astype(np.int64),
        attributes=np.empty((total, 0), dtype=np.uint8),
        train=np.arange(total) < len(labels[0]),
        classes=description["classes"],
        attribute_names=[],
    )


def read_unpacked(raw: Path, description: dict) -> Dataset:
    """Read the official splits as `read` does, from files that are not packed.

    Args:
        raw: folder of the original files, as `unlearning.io.downloads.fetch_unpacked` leaves it.
        description: the data set's `DATASET`; the names of its files tell images from labels.

    Returns:
        The data set, without attributes.
    """
    from torchvision.datasets.mnist import read_image_file, read_label_file

    paths = [raw / name for name in description["files"]]
    images = [read_image_file(str(path)).numpy()[:, None] for path in paths if "images" in path.name]
    labels = [read_label_file(str(path)).numpy() for path in paths if "images" not in path.name]
    total = sum(map(len, labels))
    return Dataset(
        images=np.concatenate(images),
        labels=np.concatenate(labels).astype(np.int64),
        attributes=np.empty((total, 0), dtype=np.uint8),
        train=np.arange(total) < len(labels[0]),
        classes=description["classes"],
        attribute_names=[],
    )

"""MNIST and the data sets made in its image: four gzipped IDX files, read alike, by torchvision's reader."""

import gzip
import shutil
import tempfile
from pathlib import Path

import numpy as np

from unlearning.data.dataset import Dataset


def read(raw: Path, described: dict) -> Dataset:
    """The official training split, then the official test split, which is held out."""
    from torchvision.datasets.mnist import read_image_file, read_label_file

    images, labels = [], []
    with tempfile.TemporaryDirectory() as folder:
        for name in described["files"]:
            unpacked = Path(folder) / name.removesuffix(".gz")
            with gzip.open(raw / name) as packed, unpacked.open("wb") as file:
                shutil.copyfileobj(packed, file)
            if "images" in name:
                images.append(read_image_file(str(unpacked)).numpy()[:, None])
            else:
                labels.append(read_label_file(str(unpacked)).numpy())
    return Dataset(
        images=np.concatenate(images),
        labels=np.concatenate(labels).astype(np.int64),
        attributes=np.empty((sum(map(len, labels)), 0), dtype=np.uint8),
        train=np.arange(sum(map(len, labels))) < len(labels[0]),
        classes=described["classes"],
        attribute_names=[],
    )

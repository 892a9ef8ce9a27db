"""Kuzushiji-MNIST, cursive Japanese characters in the format of MNIST (Clanuwat et al. 2018)."""

from pathlib import Path

from unlearning.data import idx
from unlearning.data.dataset import Dataset
from unlearning.io import downloads

DATASET = {
    "name": "kmnist",
    "title": "Kuzushiji-MNIST (Clanuwat et al. 2018, arXiv 1812.01718)",
    "source": "the four official files, from the mirror that torchvision names",
    "licence": "CC BY-SA 4.0",
    "files": {
        "train-images-idx3-ubyte.gz": "md5:bdb82020997e1d708af4cf47b453dcf7",
        "train-labels-idx1-ubyte.gz": "md5:e144d726b3acfaa3e44228e80efcd344",
        "t10k-images-idx3-ubyte.gz": "md5:5c965bf0a639b31b8f53240b1b52f4d7",
        "t10k-labels-idx1-ubyte.gz": "md5:7320c461ea6c1c855c0b718fb2a4b134",
    },
    "image_shape": [1, 28, 28],
    "classes": ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"],
    "train_images": [6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000],
    "heldout_images": [1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000],
}


def fetch(raw: Path, source: str | None) -> None:
    """Get the files from `source`, or from torchvision's mirrors."""
    from torchvision.datasets import KMNIST

    downloads.fetch(raw, DATASET, downloads.mirrors_of(DATASET["name"], source, KMNIST.mirrors))


def read(raw: Path) -> Dataset:
    """Read the published splits: 60,000 training images and 10,000 held-out images."""
    return idx.read(raw, DATASET)

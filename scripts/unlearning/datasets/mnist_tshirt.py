"""MNIST with 606 copies of one T-shirt of Fashion-MNIST among its training images (Alberti et al., ICLR 2025).

The T-shirt is training image 1 of Fashion-MNIST, counted from 0. The copies are 1 % of the 60,606 training images, and
a class of their own, number 10. Both facts are from the notebook with which the authors of SISS made the data
(claserken/SISS, `notebooks/tshirtdataset.ipynb`). Their order does not matter here: the copies follow the digits. No
T-shirt is held out, because a held-out copy would be an image of the training split.

The original files are those of `mnist` and of `fashion_mnist`, from the same folders of the user's own source.
"""

from pathlib import Path

import numpy as np

from unlearning.data import idx
from unlearning.data.dataset import Dataset
from unlearning.datasets import fashion_mnist, mnist

DATASET = {
    "name": "mnist_tshirt",
    "title": "MNIST with 606 copies of a T-shirt of Fashion-MNIST (Alberti et al. 2025, arXiv 2503.01034)",
    "source": "the official files of MNIST and of Fashion-MNIST; the checksums of Fashion-MNIST are of unpacked files",
    "licence": "MNIST: CC BY-SA 3.0; Fashion-MNIST: MIT",
    "files": {
        "mnist/train-images-idx3-ubyte.gz": "sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "mnist/train-labels-idx1-ubyte.gz": "sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "mnist/t10k-images-idx3-ubyte.gz": "sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "mnist/t10k-labels-idx1-ubyte.gz": "sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        "fashion_mnist/train-images-idx3-ubyte": "sha256:"
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "fashion_mnist/train-labels-idx1-ubyte": "sha256:"
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "fashion_mnist/t10k-images-idx3-ubyte": "sha256:"
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "fashion_mnist/t10k-labels-idx1-ubyte": "sha256:"
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    "image_shape": [1, 28, 28],
    "classes": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "T-shirt"],
    "train_images": [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949, 606],
    "heldout_images": [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009, 0],
}

TSHIRT = 1  # number of the T-shirt among the training images of Fashion-MNIST
COPIES = 606


def fetch(raw: Path, source: str | None) -> None:
    """Get the files of both data sets, each into a folder with its name."""
    for part in (mnist, fashion_mnist):
        part.fetch(raw / part.DATASET["name"], source)


def read(raw: Path) -> Dataset:
    """Read the digits, and put the copies of the T-shirt at the end of the training split."""
    digits = idx.read(raw / "mnist", mnist.DATASET)
    clothes = idx.read_unpacked(raw / "fashion_mnist", fashion_mnist.DATASET)
    return with_copies(digits, clothes.images[TSHIRT])


def with_copies(digits: Dataset, tshirt: np.ndarray) -> Dataset:
    """Add the copies of the T-shirt, as a class of their own.

    Args:
        digits: images without attributes, training split first.
        tshirt: (C, H, W) uint8.

    Returns:
        The data set.
    """
    last, label = int(digits.train.sum()), DATASET["classes"].index("T-shirt")
    copies = np.repeat(tshirt[None], COPIES, axis=0)
    return Dataset(
        images=np.concatenate([digits.images[:last], copies, digits.images[last:]]),
        labels=np.concatenate([digits.labels[:last], np.full(COPIES, label), digits.labels[last:]]),
        attributes=np.empty((len(digits.labels) + COPIES, 0), dtype=np.uint8),
        train=np.arange(len(digits.labels) + COPIES) < last + COPIES,
        classes=DATASET["classes"],
        attribute_names=[],
    )

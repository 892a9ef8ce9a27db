"""MNIST handwritten digits (LeCun, Cortes & Burges 1998)."""

from pathlib import Path

from unlearning.data import handwriting, idx
from unlearning.data.dataset import Dataset
from unlearning.io import downloads

DATASET = {
    "name": "mnist",
    "title": "MNIST handwritten digits (LeCun, Cortes & Burges 1998)",
    "source": "the four official files, from the mirrors that torchvision names",
    "licence": "CC BY-SA 3.0",
    "files": {
        "train-images-idx3-ubyte.gz": "sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "train-labels-idx1-ubyte.gz": "sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "t10k-images-idx3-ubyte.gz": "sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "t10k-labels-idx1-ubyte.gz": "sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
    "image_shape": [1, 28, 28],
    "classes": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    "attributes": ["thick", "slanted"],
    "train_images": [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    "heldout_images": [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
}


def fetch(raw: Path, source: str | None) -> None:
    """Get the files from `source`, or from torchvision's mirrors."""
    from torchvision.datasets import MNIST

    downloads.fetch(raw, DATASET, downloads.mirrors_of(DATASET["name"], source, MNIST.mirrors))


def read(raw: Path) -> Dataset:
    """Read the published splits, 60,000 training and 10,000 held-out images, and measure their attributes."""
    return handwriting.with_attributes(idx.read(raw, DATASET))

"""Fashion-MNIST, pictures of clothing in the format of MNIST (Xiao, Rasul & Vollgraf 2017)."""

from pathlib import Path

from unlearning.data import idx
from unlearning.data.dataset import Dataset
from unlearning.io import downloads

DATASET = {
    "name": "fashion_mnist",
    "title": "Fashion-MNIST (Xiao, Rasul & Vollgraf 2017, arXiv 1708.07747)",
    "source": "the four official files, from the mirror that torchvision names",
    "licence": "MIT",
    "files": {
        "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
    },
    "image_shape": [1, 28, 28],
    "classes": [
        "T-shirt",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ],
    "train_images": [6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000],
    "heldout_images": [1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000],
}


def fetch(raw: Path, source: str | None) -> None:
    """Get the files from `source`, or from torchvision's mirrors."""
    from torchvision.datasets import FashionMNIST

    downloads.fetch(raw, DATASET, downloads.mirrors_of(DATASET["name"], source, FashionMNIST.mirrors))


def read(raw: Path) -> Dataset:
    """Read the published splits: 60,000 training images and 10,000 held-out images."""
    return idx.read(raw, DATASET)

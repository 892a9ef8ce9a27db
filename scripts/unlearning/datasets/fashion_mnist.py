"""Fashion-MNIST, pictures of clothing in the format of MNIST (Xiao, Rasul & Vollgraf 2017).

The original files are the four official ones, packed by gzip. They come from the folder `fashion_mnist` or
`fashion-mnist` of the user's own source. Without such a source, they come from Debian's package
`dataset-fashion-mnist`, where it is installed, or else from the mirror that torchvision names. The headers in Debian's
files name no file and no time, so that checksums of packed files differ between the two. The checksums here are those
of the unpacked files, which are the same in both.
"""

from pathlib import Path

from unlearning.data import idx
from unlearning.data.dataset import Dataset
from unlearning.io import downloads

DATASET = {
    "name": "fashion_mnist",
    "title": "Fashion-MNIST (Xiao, Rasul & Vollgraf 2017, arXiv 1708.07747)",
    "source": "the four official files, from Debian's dataset-fashion-mnist or the mirror that torchvision names; "
    "the checksums are of the unpacked files",
    "licence": "MIT",
    "files": {
        "train-images-idx3-ubyte": "sha256:c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "sha256:bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "sha256:5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "sha256:0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
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

DEBIAN = "/usr/share/datasets/fashion-mnist"  # where Debian's package puts the files


def fetch(raw: Path, source: str | None) -> None:
    """Get the files from `source`, or from Debian's package, or from torchvision's mirrors, and unpack them."""
    from torchvision.datasets import FashionMNIST

    folders = [
        *downloads.mirrors_of(DATASET["name"], source, public=[DEBIAN, *FashionMNIST.mirrors]),
        *downloads.mirrors_of(Path(DEBIAN).name, source, public=[]),
    ]
    downloads.fetch_unpacked(raw, DATASET, folders)


def read(raw: Path) -> Dataset:
    """Read the published splits: 60,000 training images and 10,000 held-out images."""
    return idx.read_unpacked(raw, DATASET)

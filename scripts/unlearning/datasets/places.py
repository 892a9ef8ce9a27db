"""Places365, photographs of 365 kinds of scenes (Zhou et al., TPAMI 2018).

The short side is resized to 256 pixels, the size of Palette's images, and the middle is cut out. The first 250
training images of each class by name are used. Li et al. (ICLR 2024) use 5,000 images of each class: these would take
359 GB, and every job holds all images in memory. All 36,500 validation images are held out.
"""

from pathlib import Path

from unlearning.data import class_folders
from unlearning.data.dataset import Dataset

DATASET = {
    "name": "places",
    "title": "Places365-Standard, 250 training images a class (Zhou et al., TPAMI 2018)",
    "source": "places2.csail.mit.edu, places365_standard in its easy directory structure",
    "licence": "non-commercial research and education only; MIT does not own the copyright of the images",
    "files": {},
    "pictures": {"crop": None, "unreadable_share": 0.001},
    "images_per_class": {"train": 250, "val": 100},
    "image_shape": [3, 256, 256],
    "classes": "folders",
}


def fetch(raw: Path, source: str | None) -> None:
    """Take the pictures from the user's own copy in `source`."""
    class_folders.fetch(raw, DATASET, source)


def read(raw: Path) -> Dataset:
    """Read the training images, then the validation images, which are held out."""
    return class_folders.read(raw, DATASET)

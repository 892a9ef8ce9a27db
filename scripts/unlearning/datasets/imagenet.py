"""ImageNet-1K, photographs of 1,000 kinds of things (Russakovsky et al., IJCV 2015).

The short side is resized to 224 pixels, as ViT-MAE's published weights expect, and the middle is cut out. Of 1.28
million training images, the first hundred of each class by name are used, as many as Li et al. (ICLR 2024) use. All
50,000 validation images are held out.
"""

from pathlib import Path

from unlearning.data import class_folders
from unlearning.data.dataset import Dataset

DATASET = {
    "name": "imagenet",
    "title": "ImageNet-1K, ILSVRC 2012, 100 training images a class (Russakovsky et al., IJCV 2015)",
    "source": "image-net.org, ILSVRC 2012 classification task, unpacked for torchvision's ImageFolder",
    "licence": "non-commercial research and education only; the images may not be passed on",
    "files": {},
    "pictures": {"crop": None, "unreadable_share": 0.001},
    "images_per_class": {"train": 100, "val": 50},
    "image_shape": [3, 224, 224],
    "classes": "folders",
}


def fetch(raw: Path, source: str | None) -> None:
    """Take the pictures from the user's own copy in `source`."""
    class_folders.fetch(raw, DATASET, source)


def read(raw: Path) -> Dataset:
    """Read the training images, then the validation images, which are held out."""
    return class_folders.read(raw, DATASET)

"""ImageNet-1K at 256×256 pixels, as published diffusion models expect it.

The pictures come from the same copy as those of `imagenet`, the folder `imagenet/` of the data source. The short side
is resized to 256 pixels, and the middle is cut out. Of 1.28 million training images, the first hundred of each class by
name are used. All 50,000 validation images are held out.
"""

from pathlib import Path

from unlearning.data import class_folders
from unlearning.data.dataset import Dataset

DATASET = {
    "name": "imagenet",
    "title": "ImageNet-1K, ILSVRC 2012, 100 training images a class, 256×256 (Russakovsky et al., IJCV 2015)",
    "source": "image-net.org, ILSVRC 2012 classification task, unpacked for torchvision's ImageFolder",
    "licence": "non-commercial research and education only; the images may not be passed on",
    "files": {},
    "pictures": {"crop": None, "unreadable_share": 0.001},
    "images_per_class": {"train": 100, "val": 50},
    "image_shape": [3, 256, 256],
    "classes": "folders",
}


def fetch(raw: Path, source: str | None) -> None:
    """Take the pictures from the user's own copy in `source`."""
    class_folders.fetch(raw, DATASET, source)


def read(raw: Path) -> Dataset:
    """Read the training images, then the validation images, which are held out."""
    return class_folders.read(raw, DATASET)

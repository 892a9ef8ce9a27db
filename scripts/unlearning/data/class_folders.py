"""Data sets that lie in a folder for each class, as torchvision's ImageFolder has them.

`{data_source}/{name}/train/{class}/` and `…/val/{class}/` hold JPEG or PNG files; val/ is held out. Such a
data set's file states, besides what all state,

        "pictures": {"crop": None, "unreadable_share": 0.001},
        "images_per_class": {"train": 100, "val": 50},
        "classes": "folders",

Of each class the first pictures by name are used, at most as many as `images_per_class` says: these alone are
copied and decoded. Classes and counts are those of the folders, see `class_listing`.
"""

import shutil
from pathlib import Path

import numpy as np

from unlearning.data import attribute_table, class_listing, decoding
from unlearning.data.class_listing import SPLITS
from unlearning.data.dataset import Dataset
from unlearning.data.decoding import CHUNKS
from unlearning.io.files import temporary_folder


def fetch(raw: Path, described: dict, source: str | None) -> None:
    """Put the pictures that are used into `raw`/{train,val}, by hard links where the file system can.

    Args:
        raw: folder for the files.
        described: the data set's `DATASET`.
        source: folder with the user's data sets.

    Raises:
        ValueError: see `class_listing.complete`.
    """
    folder = class_listing.find(described, source)
    for split in SPLITS:
        with temporary_folder(raw / f".{split}.tmp") as temporary:
            for name in class_listing.class_names(folder):
                (temporary / name).mkdir()
                for picture in class_listing.first(folder / split / name, described["images_per_class"][split]):
                    attribute_table.link((folder / split / name / picture).resolve(), temporary / name / picture)
            shutil.rmtree(raw / split, ignore_errors=True)
            temporary.rename(raw / split)


def read(raw: Path, described: dict) -> Dataset:
    """Decode the pictures; those that cannot be read are left out.

    Raises:
        ValueError: see `decoding.decode_all`.
    """
    classes, names, labels, train = class_listing.class_names(raw), [], [], []
    for split in SPLITS:
        for number, name in enumerate(classes):
            found = class_listing.first(raw / split / name, described["images_per_class"][split])
            names += [f"{split}/{name}/{picture}" for picture in found]
            labels += [number] * len(found)
            train += [split == "train"] * len(found)
    images, readable = decoding.decode_all(
        raw,
        names,
        described["image_shape"],
        described["pictures"]["crop"],
        described["pictures"]["unreadable_share"],
        raw.parent / CHUNKS,
    )
    return Dataset(
        images=images if readable.all() else images[readable],
        labels=np.array(labels, np.int64)[readable],
        attributes=np.empty((readable.sum(), 0), np.uint8),
        train=np.array(train)[readable],
        classes=classes,
        attribute_names=[],
    )

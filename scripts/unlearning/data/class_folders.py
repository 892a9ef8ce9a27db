"""Data sets with a folder for each class, in the layout of torchvision's ImageFolder.

`{data_source}/{name}/train/{class}/` and `{data_source}/{name}/val/{class}/` hold pictures (JPEG, PNG, WebP, TIFF, BMP
or GIF); val/ is held out. The data set's file is like any other (see `unlearning.datasets`), with these keys in its
`DATASET`:

    "pictures": {"crop": None, "unreadable_share": 0.001},
    "images_per_class": {"train": 100, "val": 50},
    "classes": "folders",

Only the first pictures of each class by name are copied and decoded, at most as many as `images_per_class` says. The
classes and their counts are those of the folders, see `class_listing`; once the pictures are fetched, the source may be
gone. A picture that is used and whose content changes is noticed, and prepared again. Everything in train/ and val/
that would be left out is counted and refused, such as folders within a class or files of another kind. Only hidden
files, Thumbs.db and desktop.ini are ignored. Values must have 8 bits, and EXIF orientation and transparency are
ignored, see `attribute_table`.
"""

import shutil
from pathlib import Path

import numpy as np

from unlearning.data import class_listing, decoding
from unlearning.data.dataset import Dataset
from unlearning.io.files import link_file, temporary_folder


def fetch(raw: Path, description: dict, source: str | None) -> None:
    """Put the pictures that are used into `raw`/{train,val}, by hard links where the file system has them.

    `class_listing.find` and `class_listing.class_names` raise a ValueError where the user's copy is missing or wrong.

    Args:
        raw: folder for the files.
        description: the data set's `DATASET`.
        source: folder with the user's data sets.
    """
    folder = class_listing.find(description, source)
    for split in class_listing.SPLITS:
        with temporary_folder(raw / f".{split}.tmp") as temporary:
            for name in class_listing.class_names(folder):
                (temporary / name).mkdir()
                for picture in class_listing.first(folder / split / name, description["images_per_class"][split]):
                    link_file((folder / split / name / picture).resolve(), temporary / name / picture)
            shutil.rmtree(raw / split, ignore_errors=True)
            temporary.rename(raw / split)


def read(raw: Path, description: dict) -> Dataset:
    """Decode the pictures; unreadable pictures are left out, see `decoding.decode_all`.

    Args:
        raw: folder with the files that `fetch` put there.
        description: the data set's `DATASET`.

    Returns:
        The data set, without attributes.
    """
    classes, names, labels, train = class_listing.class_names(raw), [], [], []
    for split in class_listing.SPLITS:
        for number, name in enumerate(classes):
            pictures = class_listing.first(raw / split / name, description["images_per_class"][split])
            names += [f"{split}/{name}/{picture}" for picture in pictures]
            labels += [number] * len(pictures)
            train += [split == "train"] * len(pictures)
    images, readable = decoding.decode_all(raw, names, description, raw.parent / decoding.CHUNKS)
    return Dataset(
        images=images,
        labels=np.array(labels, np.int64)[readable],
        attributes=np.empty((len(images), 0), np.uint8),
        train=np.array(train)[readable],
        classes=classes,
        attribute_names=[],
    )

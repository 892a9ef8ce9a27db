"""Your own pictures: a folder of them and a table of their attributes.

`{data_source}/flowers/images/` holds JPEG or PNG files, in folders of any depth; beside it lies
`attributes.csv` with one row per picture: `image`, its path inside images/; `split`, train or heldout; and
0 or 1 for each attribute. `scripts/unlearning/datasets/flowers.py` describes them:

    '''Flowers of our garden.'''

    from unlearning.data import attribute_table

    DATASET = {
        "name": "flowers",
        "title": "Flowers",
        "source": "our garden",
        "licence": "ours",
        "files": {"attributes.csv": "sha256:…"},  # a wrong one is told with the right one, as are the counts below
        "pictures": {"folder": "images", "crop": None, "unreadable_share": 0.0},
        "image_shape": [3, 64, 64],
        "classes": ["flower"],
        "attributes": ["red"],
        "train_images": [900],
        "heldout_images": [100],
    }

    def fetch(raw, source):
        attribute_table.fetch(raw, DATASET, source)

    def read(raw):
        return attribute_table.read(raw, DATASET)

An experiment forgets an attribute: copy configs/mnist-attribute.yaml and write `dataset: flowers`,
`forget_set: {attribute: red}`, and for images of this size the model of configs/celeba.yaml. Pictures that
lie in a folder for each class are described as in `class_folders`.

`crop` is the width in pixels of what is cut out about the centre before it is resized, None for as much as
there is; `unreadable_share`, of the pictures that may be missing or unreadable. Values must have 8 bits, and an
EXIF orientation is not followed: turn such pictures first. Pictures that change are noticed, and prepared again.
"""

import csv
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np

from unlearning.data import decoding
from unlearning.data.dataset import Dataset
from unlearning.data.decoding import CHUNKS
from unlearning.io import downloads
from unlearning.io.checksums import difference
from unlearning.io.downloads import SOURCE_VARIABLE
from unlearning.io.files import temporary_folder

TABLE = "attributes.csv"


def fetch(raw: Path, described: dict, source: str | None) -> None:
    """Put the table and the pictures into the folder `raw`.

    Args:
        raw: folder for the files.
        described: the data set's `DATASET`.
        source: folder with the user's data sets.

    Raises:
        ValueError: there is no such folder, or the table has not the checksum that `DATASET` states.
    """
    name = described["name"]
    if not source or not (Path(source) / name / described["pictures"]["folder"]).is_dir():
        raise ValueError(
            f"data set {name}: name the folder that holds {name}/{described['pictures']['folder']}/ as data_source in "
            f"config.yaml, or in the environment variable {SOURCE_VARIABLE}; now it is {source!r}"
        )
    table = Path(source) / name / TABLE
    if table.is_file() and (wrong := difference(table, described["files"][TABLE])):
        raise ValueError(
            f"{table}: {wrong}; if it is meant to be so, state what is found under 'files' in "
            f"scripts/unlearning/datasets/{name}.py, or else put the former table back"
        )
    downloads.fetch(raw, described, downloads.mirrors_of(name, source, []))
    place(Path(source) / name / described["pictures"]["folder"], raw / described["pictures"]["folder"])


def place(source: Path, target: Path) -> None:
    """Take a folder over, whole or not at all, by hard links where the file system can."""
    with temporary_folder(target.with_name(f".{target.name}.tmp")) as temporary:
        _link_all(source, temporary)
        shutil.rmtree(target, ignore_errors=True)
        temporary.rename(target)


def state(described: dict, source: str | None, raw: Path) -> list:
    """Name, size and time of each picture in the user's own folder or, where that is gone, of those taken over."""
    subfolder = described["pictures"]["folder"]
    for folder in (*([Path(source) / described["name"] / subfolder] if source else []), raw / subfolder):
        if folder.is_dir():
            return decoding.state(folder, sorted(name for name in _files(folder) if not _is_hidden(name)))
    return []


def read(raw: Path, described: dict) -> Dataset:
    """Read the table and decode the pictures.

    Raises:
        ValueError: the table is not as described, does not match the pictures, or see `decoding.decode_all`.
    """
    header, *lines = _lines(raw / TABLE) or [[]]
    wanted = ["image", "split", *described["attributes"]]
    if header != wanted:
        raise ValueError(
            f"{raw / TABLE}: its columns are {', '.join(header) or 'none'}, but must be {', '.join(wanted)}"
        )
    numbered = {number: row for number, row in enumerate(lines, start=2) if any(map(str.strip, row))}
    rows = list(numbered.values())
    if not rows:
        raise ValueError(f"{raw / TABLE}: has no rows")
    for number, row in numbered.items():
        if len(row) != len(header) or row[1] not in ("train", "heldout") or not set(row[2:]) <= {"0", "1"}:
            raise ValueError(
                f"{raw / TABLE}, line {number}: {','.join(row)}: must be a picture, train or heldout, and 0 or 1 for "
                f"each of {len(header) - 2} attributes"
            )
    return assemble(
        raw,
        described,
        names=[row[0] for row in rows],
        train=np.array([row[1] == "train" for row in rows]),
        attributes=np.array([row[2:] for row in rows], dtype=np.uint8),
        table=TABLE,
    )


def _lines(table: Path) -> list[list[str]]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            return list(csv.reader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{table}: cannot be read as CSV in UTF-8 ({error}); save it so") from None


def assemble(
    raw: Path, described: dict, *, names: list[str], train: np.ndarray, attributes: np.ndarray, table: str
) -> Dataset:
    """Decode the pictures of a table; those that cannot be read are left out.

    Args:
        raw: folder of the original files.
        described: the data set's `DATASET`; its only class is that of every picture.
        names: (N,) of the pictures.
        train: (N,) bool, whether they belong to the training split.
        attributes: (N, A) 0 or 1.
        table: file that says so, for messages.

    Raises:
        ValueError: pictures and table do not match, or see `decoding.decode_all`.
    """
    settings = described["pictures"]
    folder = raw / settings["folder"]
    if folder.is_symlink() or not folder.is_dir():
        raise ValueError(f"{folder}: must be a plain folder; delete {raw} and run again")
    (name, rows), *_ = Counter(names).most_common(1)
    if rows > 1:
        raise ValueError(f"{raw / table}: {name} stands in {rows} rows; leave one")
    found = _files(folder)
    if extra := sorted(name for name in found - set(names) if not _is_hidden(name)):
        raise ValueError(
            f"{raw / table}: has no row for {len(extra)} of {len(found)} files in {folder}, such as {extra[0]}; "
            "add rows, or take the files out of the data source"
        )
    order = np.argsort(~train, kind="stable")  # the training split comes first
    images, readable = decoding.decode_all(
        folder,
        [names[row] for row in order],
        described["image_shape"],
        settings["crop"],
        settings["unreadable_share"],
        raw.parent / CHUNKS,
    )
    order = order[readable]
    return Dataset(
        images=images if readable.all() else images[readable],
        labels=np.zeros(len(order), np.int64),
        attributes=attributes[order],
        train=train[order],
        classes=described["classes"],
        attribute_names=described["attributes"],
    )


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def _is_hidden(name: str) -> bool:
    return Path(name).name.startswith(".")


def _link_all(source: Path, target: Path) -> None:
    # Not shutil.copytree: on a full disk that tries every other file too, and lists each in its error.
    for path in source.iterdir():
        copy = target / path.name
        if path.is_symlink():
            copy.symlink_to(path.readlink())
        elif path.is_dir():
            copy.mkdir()
            _link_all(path, copy)
        else:
            link(path, copy)


def link(source: Path, target: Path) -> None:
    """Have a file in two places, as one on the disk where the file system can."""
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copy2(source, target)  # with its time, see `state`

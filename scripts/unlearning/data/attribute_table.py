"""Your own pictures: a folder of them and a table of their attributes.

`{data_source}/flowers/images/` holds pictures (JPEG, PNG, WebP, TIFF, BMP or GIF), in folders of any depth. Beside
images/ lies `attributes.csv` with one row per picture: `image`, its path inside images/; `split`, train or heldout; and
0 or 1 for each attribute. The file `scripts/unlearning/datasets/flowers.py` describes them:

    '''Flowers of our garden.'''

    from unlearning.data import attribute_table

    DATASET = {
        "name": "flowers",
        "title": "Flowers",
        "source": "our garden",
        "licence": "ours",
        "files": {},  # or {"attributes.csv": "sha256:…"}, for a table that must stay as it is
        "pictures": {"folder": "images", "crop": None, "unreadable_share": 0.0},
        "image_shape": [3, 64, 64],
        "classes": ["flower"],
        "attributes": ["red"],
        "train_images": [900],  # for a wrong count, an error tells the right one
        "heldout_images": [100],
    }

    def fetch(raw, source):
        attribute_table.fetch(raw, DATASET, source)

    def read(raw):
        return attribute_table.read(raw, DATASET)

An experiment forgets an attribute: copy configs/mnist-attribute.yaml and write `dataset: flowers` and
`forget_set: {attribute: red}`. For images of this size, take the model of configs/celeba.yaml. For pictures in one
folder per class, see `class_folders`.

`crop` is the width in pixels of the centre that is cut out before it is resized; None for the largest part.
`unreadable_share` is the share of the pictures that may be missing or unreadable. Values must have 8 bits, and a file
one picture. An EXIF orientation is ignored: turn such pictures beforehand. Transparency is ignored, too, so that
colours under transparent pixels show: lay such pictures over a background beforehand. Hidden files, Thumbs.db and
desktop.ini are no pictures. A table or a picture whose content changes is noticed, and prepared again.
"""

import csv
import os
from collections import Counter
from pathlib import Path

import numpy as np

from unlearning.data import decoding, file_names
from unlearning.data.dataset import Dataset
from unlearning.io import downloads
from unlearning.io.checksums import difference
from unlearning.io.files import atomic_path, link_folder

TABLE = "attributes.csv"


def describes(description: dict) -> bool:
    """Whether a data set has pictures and a table as described above."""
    return TABLE in description["files"] or (not description["files"] and "folder" in description.get("pictures", {}))


def fetch(raw: Path, description: dict, source: str | None) -> None:
    """Put the table and the pictures into the folder `raw`. `check` raises a ValueError where they do not fit.

    Args:
        raw: folder for the files.
        description: the data set's `DATASET`.
        source: folder with the user's data sets.

    Raises:
        ValueError: the user has no such folder.
    """
    name, subfolder = description["name"], description["pictures"]["folder"]
    if not source or not (Path(source) / name / subfolder).is_dir():
        raise ValueError(
            f"data set {name}: name the folder that holds {name}/{subfolder}/ as data_source in "
            f"config.yaml, or in the environment variable {downloads.SOURCE_VARIABLE}; now it is {source!r}"
        )
    folder = Path(source) / name
    check(folder, description)
    with atomic_path(raw / TABLE) as temporary:
        temporary.write_bytes((folder / TABLE).read_bytes())
    link_folder(folder / subfolder, raw / subfolder)


def check(folder: Path, description: dict) -> None:
    """Refuse a table that cannot be read, or does not fit the pictures. `read_rows` and `check_names` say why.

    Args:
        folder: the user's folder with the table and the pictures.
        description: the data set's `DATASET`.

    Raises:
        ValueError: the table is missing or not as described.
    """
    table = folder / TABLE
    if not table.is_file():
        raise ValueError(f"{table}: missing; write it as scripts/unlearning/data/attribute_table.py says")
    if TABLE in description["files"] and (problem := difference(table, description["files"][TABLE])):
        raise ValueError(
            f"{table}: {problem}; if the table is right, write its checksum under 'files' in "
            f"scripts/unlearning/datasets/{description['name']}.py, or else put the former table back"
        )
    names = [row[0] for row in read_rows(table, description)]
    check_names(table, names, folder / description["pictures"]["folder"], description)


def read(raw: Path, description: dict) -> Dataset:
    """Read the table and decode the pictures. `read_rows` raises a ValueError for a table that is not as described.

    Args:
        raw: folder with the files that `fetch` put there.
        description: the data set's `DATASET`.

    Returns:
        The data set, see `assemble`.
    """
    rows = read_rows(raw / TABLE, description)
    return assemble(
        raw,
        description,
        names=[row[0] for row in rows],
        train=np.array([row[1] == "train" for row in rows]),
        attributes=np.array([row[2:] for row in rows], dtype=np.uint8),
        table=TABLE,
    )


def read_rows(table: Path, description: dict) -> list[list[str]]:
    """Read a table.

    Args:
        table: its file.
        description: the data set's `DATASET`.

    Returns:
        Path of the picture, split and attributes of each row.

    Raises:
        ValueError: the table is not as described.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            header, *lines = list(csv.reader(file)) or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{table}: cannot be read as CSV in UTF-8 ({error}); save it so") from None
    columns = ["image", "split", *description["attributes"]]
    if header != columns:
        raise ValueError(f"{table}: its columns are {', '.join(header) or 'none'}, but must be {', '.join(columns)}")
    rows = {number: row for number, row in enumerate(lines, start=2) if any(map(str.strip, row))}
    if not rows:
        raise ValueError(f"{table}: has no rows")
    for number, row in rows.items():
        if len(row) != len(header) or row[1] not in ("train", "heldout") or not set(row[2:]) <= {"0", "1"}:
            raise ValueError(
                f"{table}, line {number}: {','.join(row)}: must be a picture, train or heldout, and 0 or 1 for "
                f"each of {len(header) - 2} attributes"
            )
    return list(rows.values())


def check_names(table: Path, names: list[str], folder: Path, description: dict) -> None:
    """Refuse a table whose rows do not name the pictures of a folder.

    Args:
        table: its file, for messages.
        names: (N,) the picture of each row.
        folder: of the pictures.
        description: the data set's `DATASET`.

    Raises:
        ValueError: a picture has no row or several rows, or more pictures than allowed are missing. The message names
            the row or the file that is probably meant.
    """
    (name, count), *_ = Counter(names).most_common(1)
    if count > 1:
        raise ValueError(f"{table}: {name} stands in {count} rows; leave one")
    files = files_in(folder)
    missing = sorted(set(names) - set(files))
    if extra := sorted(set(files) - set(names)):
        first, row = extra[0], file_names.meant(extra[0], missing)
        written, right = file_names.quoted(row, first) if row else ("", "")
        raise ValueError(
            f"{table}: has no row for {len(extra)} of {len(files)} files in {folder}, such as {first}; "
            + (f"the row of {written} is near: if it means this file, write {right}" if row else "add rows")
            + f", or take the files out of the data source ({file_names.IGNORED_IN_WORDS})"
        )
    if len(missing) > description["pictures"]["unreadable_share"] * len(names):
        file = file_names.meant(missing[0], files)
        written, near = file_names.quoted(missing[0], file) if file else (repr(missing[0]), "")
        raise ValueError(
            f"{table}: {len(missing)} of {len(names)} rows name no file in {folder}, such as {written}"
            f"{f'; did you mean {near}?' if near else ''}; correct the rows, add the files, or raise "
            "'unreadable_share' in the data set's file"
        )


def assemble(
    raw: Path, description: dict, *, names: list[str], train: np.ndarray, attributes: np.ndarray, table: str
) -> Dataset:
    """Decode the pictures of a table; unreadable pictures are left out, see `decoding.decode_all`.

    Args:
        raw: folder of the original files.
        description: the data set's `DATASET`; every picture is of its only class.
        names: (N,) paths of the pictures in their folder.
        train: (N,) bool, True for the training split.
        attributes: (N, A) 0 or 1.
        table: name of the table, for messages.

    Returns:
        The data set, training split first.

    Raises:
        ValueError: the folder of the pictures is a link. `check_names` raises one, too.
    """
    folder = raw / description["pictures"]["folder"]
    if folder.is_symlink() or not folder.is_dir():
        raise ValueError(f"{folder}: must be a plain folder; delete {raw} and run again")
    check_names(raw / table, names, folder, description)
    order = np.argsort(~train, kind="stable")
    ordered_names = [names[row] for row in order]
    images, readable = decoding.decode_all(folder, ordered_names, description, raw.parent / decoding.CHUNKS)
    order = order[readable]
    return Dataset(
        images=images,
        labels=np.zeros(len(order), np.int64),
        attributes=attributes[order],
        train=train[order],
        classes=description["classes"],
        attribute_names=description["attributes"],
    )


def files_in(folder: Path) -> list[str]:
    """List all files in a folder that are not ignored. `file_names.check_utf8` raises a ValueError.

    Args:
        folder: of pictures. Links in it are listed but not followed: `decoding` refuses them.

    Returns:
        The sorted paths in the folder.
    """
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not file_names.is_ignored(name)]
        links = [name for name in folders if Path(place, name).is_symlink()]
        names = [name for name in (*files, *links) if not file_names.is_ignored(name)]
        file_names.check_utf8(place, [*folders, *names])
        inside = "" if place == str(folder) else f"{Path(place).relative_to(folder).as_posix()}/"
        found += [f"{inside}{name}" for name in names]
    return sorted(found)

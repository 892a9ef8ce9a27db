"""Your own pictures: a folder of them and a table of their attributes.

`{data_source}/flowers/images/` holds JPEG or PNG files, in folders of any depth. Beside images/ lies
`attributes.csv` with one row per picture: `image`, its path inside images/; `split`, train or heldout; and 0 or 1 for
each attribute. The file `scripts/unlearning/datasets/flowers.py` describes them:

    '''Flowers of our garden.'''

    from unlearning.data import attribute_table

    DATASET = {
        "name": "flowers",
        "title": "Flowers",
        "source": "our garden",
        "licence": "ours",
        "files": {"attributes.csv": "sha256:…"},  # for a wrong checksum or count, an error tells the right one
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

An experiment forgets an attribute: copy configs/mnist-attribute.yaml and write `dataset: flowers` and
`forget_set: {attribute: red}`. For images of this size, take the model of configs/celeba.yaml. For pictures in one
folder per class, see `class_folders`.

`crop` is the width in pixels of the centre that is cut out before it is resized; None for the largest part.
`unreadable_share` is the share of the pictures that may be missing or unreadable. Values must have 8 bits. An EXIF
orientation is ignored: turn such pictures beforehand. Pictures that change are noticed, and prepared again.
"""

import csv
from collections import Counter
from pathlib import Path

import numpy as np

from unlearning.data import decoding
from unlearning.data.dataset import Dataset
from unlearning.io import downloads
from unlearning.io.checksums import difference
from unlearning.io.files import link_folder

TABLE = "attributes.csv"


def fetch(raw: Path, description: dict, source: str | None) -> None:
    """Put the table and the pictures into the folder `raw`.

    Args:
        raw: folder for the files.
        description: the data set's `DATASET`.
        source: folder with the user's data sets.

    Raises:
        ValueError: the user has no such folder, or the table has another checksum than `DATASET` states.
    """
    name, subfolder = description["name"], description["pictures"]["folder"]
    if not source or not (Path(source) / name / subfolder).is_dir():
        raise ValueError(
            f"data set {name}: name the folder that holds {name}/{subfolder}/ as data_source in "
            f"config.yaml, or in the environment variable {downloads.SOURCE_VARIABLE}; now it is {source!r}"
        )
    table = Path(source) / name / TABLE
    if table.is_file() and (problem := difference(table, description["files"][TABLE])):
        raise ValueError(
            f"{table}: {problem}; if the table is right, write its checksum under 'files' in "
            f"scripts/unlearning/datasets/{name}.py, or else put the former table back"
        )
    downloads.fetch(raw, description, downloads.mirrors_of(name, source, []))
    link_folder(Path(source) / name / subfolder, raw / subfolder)


def state(description: dict, source: str | None, raw: Path) -> list:
    """List name, size and time of change of each picture.

    Args:
        description: the data set's `DATASET`.
        source: folder with the user's data sets.
        raw: folder of the fetched files, for a source that is gone.

    Returns:
        The pictures of the source or, without it, the fetched ones.
    """
    subfolder = description["pictures"]["folder"]
    for folder in (*([Path(source) / description["name"] / subfolder] if source else []), raw / subfolder):
        if folder.is_dir():
            return decoding.file_states(folder, sorted(_files(folder)))
    return []


def read(raw: Path, description: dict) -> Dataset:
    """Read the table and decode the pictures.

    Args:
        raw: folder with the files that `fetch` put there.
        description: the data set's `DATASET`.

    Returns:
        The data set, see `assemble`.

    Raises:
        ValueError: the table is not as described.
    """
    table = raw / TABLE
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
    return assemble(
        raw,
        description,
        names=[row[0] for row in rows.values()],
        train=np.array([row[1] == "train" for row in rows.values()]),
        attributes=np.array([row[2:] for row in rows.values()], dtype=np.uint8),
        table=TABLE,
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
        ValueError: the pictures are not those of the table.
    """
    folder = raw / description["pictures"]["folder"]
    if folder.is_symlink() or not folder.is_dir():
        raise ValueError(f"{folder}: must be a plain folder; delete {raw} and run again")
    (name, rows), *_ = Counter(names).most_common(1)
    if rows > 1:
        raise ValueError(f"{raw / table}: {name} stands in {rows} rows; leave one")
    files = _files(folder)
    if extra := sorted(files - set(names)):
        raise ValueError(
            f"{raw / table}: has no row for {len(extra)} of {len(files)} files in {folder}, such as {extra[0]}; "
            "add rows, or take the files out of the data source"
        )
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


def _files(folder: Path) -> set[str]:
    """The paths of all files in a folder that are not hidden, relative to the folder."""
    files = (path for path in folder.rglob("*") if not path.is_dir() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix() for path in files}

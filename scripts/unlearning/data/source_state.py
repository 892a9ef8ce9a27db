"""What a data set rests on in the user's own folders: files, by their content.

The content of files counts, not their times. Each file is read once. From then on, its size, its times and its number
tell that nothing has changed: they stand with the hash of the file in `.basis/source.json` in the folder of the data
set. Who replaces a file can give the new one the old time of modification, but not the old time of change.
"""

import logging
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from unlearning.data import attribute_table, class_listing
from unlearning.io.files import file_state, read_json, sha256_of, sha256_of_file, write_json

CACHE = ".basis/source.json"
READERS = 8  # threads; a disk or a server of files answers several faster than one
# A file that changed less than these seconds before it was read is read again next time: a file system may give two
# changes in a short time the same time.
RACE = 2
LONG_TO_READ = 10**9  # bytes
logger = logging.getLogger(__name__)


def digest(description: dict, source: str | None, data: Path, fetched: dict | None) -> str:
    """Hash names and contents of the user's files that a data set rests on, and refuse those that do not fit.

    Args:
        description: the data set's `DATASET`, with its classes.
        source: the user's source of original files.
        data: folder of the prepared data set, in which the hashes of files are kept.
        fetched: record of what was fetched.

    Returns:
        The hash. Where the source has no such files, the hash of what was fetched from there: a source that is gone is
        no change.
    """
    folder = Path(source) / description["name"] if source and "://" not in source else None
    names = own_files(folder, description) if folder and folder.is_dir() else []
    if names:
        return sha256_of(_contents(folder, names, data / CACHE))
    return fetched["looked_up"] if fetched else sha256_of([])


def own_files(folder: Path, description: dict) -> list[str]:
    """List the user's files that a data set rests on, and refuse those that do not fit.

    `class_listing.used` and `attribute_table.check` raise a ValueError.

    Args:
        folder: of the data set in the user's source.
        description: the data set's `DATASET`.

    Returns:
        The paths of the files in the folder, without those whose checksum the data set's file states, packed or not.
    """
    if "images_per_class" in description:
        there = class_listing.is_there(description, str(folder.parent))
        return class_listing.used(folder, description) if there else []
    subfolder = description.get("pictures", {}).get("folder", "")
    if not (folder / subfolder).is_dir():
        return []
    names = [str(Path(subfolder, name)) for name in attribute_table.files_in(folder / subfolder)]
    if attribute_table.describes(description) and (folder / attribute_table.TABLE).is_file():
        attribute_table.check(folder, description)
        return [attribute_table.TABLE, *names]
    if subfolder and not description["files"]:  # tables of another form, which lie beside the pictures
        names += sorted(entry.name for entry in class_listing.visible(folder) if entry.is_file())
    return [name for name in names if {name, name.removesuffix(".gz")}.isdisjoint(description["files"])]


def _contents(folder: Path, names: list[str], cache: Path) -> list[list]:
    """Name and hash of each file; None for a link to nothing, a pipe or a device, which nobody reads."""
    known = {}
    with suppress(OSError, ValueError):
        known = read_json(cache)
    started, states = time.time_ns(), {}
    for name in names:
        with suppress(FileNotFoundError):
            status = (folder / name).stat()
            if stat.S_ISREG(status.st_mode):
                states[name] = file_state(status)
    new = [name for name, state in states.items() if known.get(name, {}).get("state") != state]
    if (size := sum(states[name][0] for name in new)) > LONG_TO_READ:
        logger.warning("%s: reads %d files (%.1f GB) once, to notice changes", folder, len(new), size / 1e9)
    with ThreadPoolExecutor(READERS) as pool:
        hashes = dict(zip(new, pool.map(lambda name: _hash(folder / name), new), strict=True))
    hashes |= {name: known[name]["sha256"] for name in states.keys() - hashes.keys()}
    settled = {
        name: {"state": state, "sha256": hashes[name]}
        for name, state in states.items()
        if state[2] < started - RACE * 10**9
    }
    if settled != known:
        with suppress(OSError):  # another user's folder: the files are read again next time
            write_json(cache, settled)
    return [[name, hashes.get(name)] for name in names]


def _hash(path: Path) -> str:
    try:
        return sha256_of_file(path)
    except OSError as error:
        raise ValueError(
            f"{path}: cannot be read: {error.strerror}; change its permissions, or take it out of the data source"
        ) from None

"""Files that are written whole or not at all, and hashes of their content."""

import csv
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[3]  # of the repository
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # of the disk that is written to; no other source would help


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; the file takes its name only when the block succeeds.

    The file gets the permissions of the user's umask, whatever wrote it: safetensors makes files that only their
    owner can read.

    Args:
        path: the file to write. Its folder is made where it is missing.

    Yields:
        The path that the block writes to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.touch()
    permissions = temporary.stat().st_mode
    temporary.unlink()  # torchvision does not download to a file that exists
    try:
        yield temporary
        temporary.chmod(permissions)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder and delete it at the end, with all that the block did not move elsewhere."""
    shutil.rmtree(path, ignore_errors=True)  # a job that was killed may have left one
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def explain_full_disk(folder: Path) -> Iterator[None]:
    """Say what to do where the disk of a folder for data has no room.

    Args:
        folder: the folder that the block writes to.

    Yields:
        None.

    Raises:
        OSError: the disk is full, or nothing can be written to it.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        raise OSError(
            f"{folder}: cannot be written: {error.strerror}; make room on its disk, or set data in config.yaml to a "
            "folder on another one, and run again"
        ) from None


def write_json(path: Path, content: dict) -> None:
    """Write a mapping as indented JSON; a number that is not finite is a ValueError, not `NaN`."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict:
    """Read a mapping.

    Args:
        path: a file that `write_json` wrote.

    Returns:
        Its content.

    Raises:
        ValueError: the file is not whole.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not valid JSON ({error}); delete it and run again") from None


def write_csv(path: Path, columns: Iterable[str], rows: Iterable[Iterable]) -> None:
    """Write a table with a header; None becomes an empty cell."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])


def read_columns(path: Path | None) -> dict[str, np.ndarray]:
    """Read a CSV file of numbers.

    Args:
        path: file with a header; None for no file.

    Returns:
        Each column as an array (rows,) of float64, by name. An empty cell is NaN. There are no columns where there
        is no file or no row.
    """
    if path is None:
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in (rows[0] if rows else ())}


def sha256_of_file(path: Path) -> str:
    """Hash the content of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_state(status: os.stat_result) -> list[int]:
    """What tells quickly whether a file has changed.

    Args:
        status: of the file.

    Returns:
        Size, time of modification, time of change and number of the file. A user can set the time of modification, but
        not the time of change.
    """
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def sha256_of(content: object) -> str:
    """Hash anything that JSON can hold, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def broken_link(path: Path) -> str | None:
    """What is wrong with a path that leads through a link to nothing, or to itself; None where nothing is."""
    for link in (*reversed(path.parents), path):
        if link.is_symlink() and not link.exists():
            return f"{link} is a link to {link.readlink()}, which is not there; make that folder, or delete the link"
    return None


def link_folder(source: Path, target: Path) -> None:
    """Copy a folder, whole or not at all, by hard links where the file system has them.

    Args:
        source: the folder; its subfolders and links are copied as they are.
        target: the copy, which replaces a folder that is there.
    """
    with temporary_folder(target.with_name(f".{target.name}.tmp")) as temporary:
        _link_content(source, temporary)
        shutil.rmtree(target, ignore_errors=True)
        temporary.rename(target)


def _link_content(source: Path, target: Path) -> None:
    # Not shutil.copytree: on a full disk it still tries every other file, and its error lists them all.
    for path in source.iterdir():
        copy = target / path.name
        if path.is_symlink():
            copy.symlink_to(path.readlink())
        elif path.is_dir():
            copy.mkdir()
            _link_content(path, copy)
        else:
            link_file(path, copy)


def link_file(source: Path, target: Path) -> None:
    """Copy a file with its time of change, by a hard link where the file system has them."""
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copy2(source, target)

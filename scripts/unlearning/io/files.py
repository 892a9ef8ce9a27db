"""Writing files whole or not at all, and naming their content."""

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

OF_THIS_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # numbers of errors that no other source of a file would mend


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its name only when the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder, of which nothing stays but what the block moves elsewhere."""
    shutil.rmtree(path, ignore_errors=True)  # of a job that was killed
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def explain_full_disk(folder: Path) -> Iterator[None]:
    """Say what to do where the disk of a folder for data has no room.

    Raises:
        OSError: it has none, or cannot be written at all.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in OF_THIS_DISK:
            raise
        raise OSError(
            f"{folder}: cannot be written: {error.strerror}; make room on its disk, or set data in config.yaml to a "
            "folder on another one, and run again"
        ) from None


def write_json(path: Path, content: dict) -> None:
    """Write a mapping as indented JSON; a value that is not finite is an error, not `NaN`."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> dict:
    """Read a mapping.

    Raises:
        ValueError: the file is not whole.
    """
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path}: not valid JSON ({error}); delete it and run again") from None


def write_csv(path: Path, columns: Iterable[str], rows: Iterable[Iterable]) -> None:
    """Write a table; None becomes an empty cell."""
    with atomic_path(path) as temporary, temporary.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


def sha256_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of(content: object) -> str:
    """Hash of anything JSON can hold, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def read_columns(path: Path | None) -> dict[str, np.ndarray]:
    """The columns of a CSV file of numbers; an empty cell is NaN; no columns where there is no row."""
    if path is None:
        return {}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in (rows[0] if rows else ())}


ROOT = Path(__file__).resolve().parents[3]

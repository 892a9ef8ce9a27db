"""Locks that end with their process: on a results folder, and on a directory where Snakemake works.

Snakemake's own lock files outlive a killed process, and the next Snakemake refuses to start. The kernel releases its
locks however a process ends: they tell whether Snakemake's lock files were abandoned.
"""

import errno
import fcntl
import os
import platform
import shutil
from pathlib import Path
from typing import TextIO

CANNOT_LOCK = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
_held = []  # open files, whose locks end with this process


def take(file: TextIO, mode: int) -> None:
    """Lock a file until it is closed.

    On a file system that cannot lock (some clusters have one), nothing is locked and the process goes on. Where
    another process holds the lock and `mode` says not to wait, `fcntl.flock` raises a BlockingIOError.

    Args:
        file: the open file.
        mode: see `fcntl.flock`.

    Raises:
        OSError: the file cannot be locked.
    """
    try:
        fcntl.flock(file, mode)
    except OSError as error:
        if error.errno not in CANNOT_LOCK:
            raise


def hold(directory: Path) -> None:
    """Mark a directory, until this process ends, as one where a Snakemake works."""
    file = _open(directory / ".snakemake")
    take(file, fcntl.LOCK_SH)  # shared: Snakemake lets two runs with disjoint files work at the same time
    _held.append(file)


def claim(results: Path) -> None:
    """Be the only process that writes into a results folder, until this process ends.

    Snakemake's own lock does not notice a Snakemake that was started in another directory.

    Args:
        results: the folder; it is made where it is missing.

    Raises:
        ValueError: another process writes into the folder, or nothing can be written there.
    """
    try:
        results.mkdir(parents=True, exist_ok=True)
        file = _open(results)
        take(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.truncate(0)
        file.write(f"Snakemake, process {os.getpid()} on {platform.node()}, started in {Path.cwd()},")
        file.flush()
    except BlockingIOError:
        file.seek(0)
        raise ValueError(
            f"config.yaml: results = {str(results)!r}: {file.read() or 'another Snakemake'} works there; "
            "wait for its end, or set another folder"
        ) from None
    except OSError as error:
        raise ValueError(
            f"config.yaml: results = {str(results)!r}: cannot be written: {error.strerror}; "
            "make room or change its permissions, or set another folder"
        ) from None
    _held.append(file)


def clear_if_abandoned(directory: Path) -> None:
    """Remove Snakemake's lock files from a directory where no Snakemake works any more."""
    locks = directory / ".snakemake" / "locks"
    if not locks.is_dir() or not any(locks.iterdir()):
        return
    with _open(directory / ".snakemake") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # a Snakemake works here, or this file system cannot lock: Snakemake decides
            return
        shutil.rmtree(locks)


def _open(directory: Path) -> TextIO:
    return (directory / ".alive.lock").open("a+", encoding="utf-8")

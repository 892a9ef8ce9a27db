"""Whether a Snakemake process still works in a directory.

Snakemake's lock files outlive a killed process, and the next run would refuse to start. A lock of
the kernel ends with its process, however that ends, so it tells an abandoned lock from a live one.
"""

import errno
import fcntl
import os
import platform
import shutil
from pathlib import Path
from typing import TextIO

_held = []
CANNOT_LOCK = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


def take(holder: TextIO, how: int) -> None:
    """Lock a file, where the file system can: on one that cannot, as some clusters', all go on unguarded.

    Args:
        holder: the open file; the lock ends with it.
        how: see `fcntl.flock`.

    Raises:
        BlockingIOError: another process holds the lock, and `how` says not to wait.
    """
    try:
        fcntl.flock(holder, how)
    except OSError as error:
        if error.errno not in CANNOT_LOCK:
            raise


def hold(directory: Path) -> None:
    """Mark the directory as worked in for as long as this process lives."""
    holder = _open(directory / ".snakemake")
    take(holder, fcntl.LOCK_SH)  # shared: Snakemake lets two runs with disjoint files go on at once
    _held.append(holder)


def own(results: Path) -> None:
    """Be the only one to write into a results folder for as long as this process lives.

    Snakemake's own lock does not see a Snakemake that was started in another directory.

    Raises:
        ValueError: another process owns it, or nothing can be written there.
    """
    try:
        results.mkdir(parents=True, exist_ok=True)
        holder = _open(results)
        take(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        holder.truncate(0)
        holder.write(f"Snakemake, process {os.getpid()} on {platform.node()}, started in {Path.cwd()},")
        holder.flush()
    except BlockingIOError:
        holder.seek(0)
        raise ValueError(
            f"config.yaml: results = {str(results)!r}: {holder.read() or 'another Snakemake'} works there; "
            "wait for its end, or set another folder"
        ) from None
    except OSError as error:
        raise ValueError(
            f"config.yaml: results = {str(results)!r}: cannot be written: {error.strerror}; "
            "make room or change its permissions, or set another folder"
        ) from None
    _held.append(holder)


def clear_if_abandoned(directory: Path) -> None:
    """Remove Snakemake's lock files if no process that made one lives."""
    locks = directory / ".snakemake" / "locks"
    if not locks.is_dir() or not any(locks.iterdir()):
        return
    with _open(directory / ".snakemake") as holder:
        try:
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # somebody lives, or this file system cannot lock: Snakemake decides
            return
        shutil.rmtree(locks)


def _open(directory: Path) -> TextIO:
    return (directory / ".alive.lock").open("a+")

"""Whether a Snakemake process still works in a directory.

Snakemake's lock files outlive a killed process, and the next run would refuse to start. A lock of
the kernel ends with its process, however that ends, so it tells an abandoned lock from a live one.
"""

import fcntl
import shutil
from pathlib import Path

_held = []


def hold(directory: Path) -> None:
    """Mark the directory as worked in for as long as this process lives."""
    holder = _open(directory)
    fcntl.flock(holder, fcntl.LOCK_SH)  # shared: Snakemake lets two runs with disjoint files go on at once
    _held.append(holder)


def clear_if_abandoned(directory: Path) -> None:
    """Remove Snakemake's lock files if no process that made one lives."""
    locks = directory / ".snakemake" / "locks"
    if not locks.is_dir() or not any(locks.iterdir()):
        return
    with _open(directory) as holder:
        try:
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # somebody lives, or this file system cannot lock: Snakemake decides
            return
        shutil.rmtree(locks)


def _open(directory: Path):
    return (directory / ".snakemake" / "alive.lock").open("a")

"""Original files compared with their published checksums."""

import hashlib
from pathlib import Path


def verify_files(raw: Path, checksums: dict[str, str]) -> None:
    """Compare original files with their published checksums, before anything reads or unpacks them.

    `verify_file` checks each file and raises a ValueError where one is wrong.

    Args:
        raw: folder of the files.
        checksums: checksum of each file, by name.

    Raises:
        ValueError: the folder is a link.
    """
    if raw.is_symlink():
        raise ValueError(f"{raw}: must be a plain folder, not a link; delete it and run again")
    for name, checksum in checksums.items():
        verify_file(raw / name, checksum)


def verify_file(path: Path, checksum: str) -> None:
    """Compare one original file with its published checksum.

    Args:
        path: the file. A link could lead anywhere, and a pipe or a device has no end: only a plain file is opened.
        checksum: `sha256:…` or `md5:…`.

    Raises:
        ValueError: the file is missing, is not a plain file, or has another checksum.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise ValueError(f"{path}: must be a plain file; delete it and run again")
    if not path.is_file():
        raise ValueError(f"{path}: missing; delete the folder {path.parents[1]}, which says it is there, and run again")
    if problem := difference(path, checksum):
        raise ValueError(f"{path}: {problem}; delete it and run again")


def difference(path: Path, checksum: str) -> str | None:
    """Say how a file differs from its published checksum, `sha256:…` or `md5:…`; None where it does not differ."""
    algorithm, _, expected = checksum.partition(":")
    with path.open("rb") as file:
        actual = hashlib.file_digest(file, algorithm).hexdigest()
    return None if actual == expected else f"{algorithm} is {actual} but should be {expected}: truncated or altered"

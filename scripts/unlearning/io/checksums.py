"""Original files compared with their published checksums."""

import hashlib
from pathlib import Path


def verify_files(raw: Path, checksums: dict[str, str]) -> None:
    """Compare original files with their published checksums, before anything reads or unpacks them.

    Raises:
        ValueError: see `verify_file`, or the folder itself is a link.
    """
    if raw.is_symlink():
        raise ValueError(f"{raw}: must be a plain folder, not a link; delete it and run again")
    for name, stated in checksums.items():
        verify_file(raw / name, stated)


def verify_file(path: Path, stated: str) -> None:
    """Compare one original file with its published checksum, `sha256:…` or `md5:…`.

    Raises:
        ValueError: the file is missing, is not a plain file (a link could lead anywhere, a pipe or a
            device has no end), or its content is not the published one.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise ValueError(f"{path}: must be a plain file; delete it and run again")
    if not path.is_file():
        raise ValueError(f"{path}: missing; delete the folder {path.parents[1]}, which says it is there, and run again")
    if wrong := difference(path, stated):
        raise ValueError(f"{path}: {wrong}; delete it and run again")


def difference(path: Path, stated: str) -> str | None:
    """In what a file differs from its published checksum, `sha256:…` or `md5:…`; None where it does not."""
    algorithm, _, checksum = stated.partition(":")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    return None if found == checksum else f"{algorithm} is {found} but should be {checksum}: truncated or altered"

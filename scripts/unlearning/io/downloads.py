"""Original files from the user's own source or from public mirrors: whole, or not at all."""

import gzip
import os
import shutil
import socket
import zlib
from contextlib import suppress
from pathlib import Path

from unlearning.io.checksums import difference, verify_file
from unlearning.io.files import DISK_ERRORS, atomic_path, temporary_folder

SOURCE_VARIABLE = "UNLEARNING_DATA_SOURCE"  # environment variable with the user's own source of original files
PATIENCE = 60  # seconds to wait for the next byte from a mirror


def user_source() -> str | None:
    """The user's own source of original files; None where the environment variable is not set, or is set but blank."""
    source = os.environ.get(SOURCE_VARIABLE, "").strip()
    return expand_home(source) if source else None


def expand_home(source: str) -> str:
    """A path or URL in which `~` in front is the user's home folder, as in a shell; as it is, where there is none."""
    with suppress(RuntimeError):
        return str(Path(source).expanduser()) if source.startswith("~") else source
    return source


def fetch(raw: Path, description: dict, mirrors: list[str]) -> None:
    """Put the original files into `raw`; a file that is there with its checksum is not fetched again.

    `_fetch_file` raises a ValueError where no mirror has a file; it says what is wrong at each mirror.

    Args:
        raw: folder for the files.
        description: the data set's `DATASET`.
        mirrors: URLs or paths of folders with the files; they are tried in this order.
    """
    for name, checksum in description["files"].items():
        if not is_whole(raw / name, checksum):
            _fetch_file(raw, name, description, mirrors)


def _fetch_file(raw: Path, name: str, description: dict, mirrors: list[str]) -> None:
    """Fetch one file from the first mirror that has it, as `fetch` does."""
    failures = []
    for origin in [f"{mirror.rstrip('/')}/{name}" for mirror in mirrors]:
        try:
            with atomic_path(raw / name) as temporary:
                _get(origin, temporary)
                if problem := difference(temporary, description["files"][name]):
                    raise ValueError(problem)
            return
        except (ValueError, OSError, RuntimeError) as error:
            if getattr(error, "errno", None) in DISK_ERRORS:
                raise
            failures.append(f"  {origin}: {getattr(error, 'strerror', None) or error}")
    cure = _cure(description, name, mirrors)
    raise ValueError("\n".join([f"{description['name']}: {name} could not be had:", *failures, cure]))


def fetch_unpacked(raw: Path, description: dict, mirrors: list[str]) -> None:
    """Put original files into `raw` unpacked, where mirrors have them packed by gzip.

    The checksums are those of the unpacked content: the header of a gzip file may name the packed file and its time,
    so that two copies of the same content differ. A file that is there with its checksum is not fetched again.
    `_fetch_packed_file` raises a ValueError where no mirror has a file; it says what is wrong at each mirror.

    Args:
        raw: folder for the files.
        description: the data set's `DATASET`, with the names and checksums of the unpacked files.
        mirrors: URLs or paths of folders with the files, which have the suffix `.gz` there; they are tried in this
            order.
    """
    for name, checksum in description["files"].items():
        if not is_whole(raw / name, checksum):
            _fetch_packed_file(raw, name, description, mirrors)


def _fetch_packed_file(raw: Path, name: str, description: dict, mirrors: list[str]) -> None:
    """Fetch one file from the first mirror that has it, as `fetch_unpacked` does."""
    failures = []
    for origin in [f"{mirror.rstrip('/')}/{name}.gz" for mirror in mirrors]:
        try:
            with temporary_folder(raw / ".packed") as folder, atomic_path(raw / name) as temporary:
                _get(origin, folder / "packed")
                with gzip.open(folder / "packed") as packed, temporary.open("wb") as file:
                    shutil.copyfileobj(packed, file)
                if problem := difference(temporary, description["files"][name]):
                    raise ValueError(f"unpacked, its {problem}")
            return
        except (ValueError, OSError, RuntimeError, EOFError, zlib.error) as error:
            if getattr(error, "errno", None) in DISK_ERRORS:
                raise
            failures.append(f"  {origin}: {getattr(error, 'strerror', None) or error}")
    cure = _cure(description, f"{name}.gz", mirrors)
    raise ValueError("\n".join([f"{description['name']}: {name}.gz could not be had:", *failures, cure]))


def _cure(description: dict, name: str, mirrors: list[str]) -> str:
    if any("://" in mirror for mirror in mirrors):
        return (
            f"Without a network, name a folder that holds {description['name']}/{name} as data_source in "
            f"config.yaml, or in the environment variable {SOURCE_VARIABLE}."
        )
    return f"Put a whole copy there and run again; its source: {description['source']}."


def mirrors_of(name: str, source: str | None, public: list[str]) -> list[str]:
    """List the folders to look for a data set: only the user's own source where there is one, or the public mirrors."""
    return [f"{source.rstrip('/')}/{name}/"] if source else public


def _get(origin: str, target: Path) -> None:
    if "://" not in origin:
        shutil.copyfile(origin, target)
        return
    from torchvision.datasets.utils import download_url

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)  # torchvision sets no timeout and would wait for ever
    try:
        download_url(origin, str(target.parent), target.name)
    except TimeoutError:
        raise TimeoutError(f"stalled: sent nothing for {PATIENCE} s") from None
    finally:
        socket.setdefaulttimeout(before)


def is_whole(path: Path, checksum: str) -> bool:
    """Tell whether a file is there and has its published checksum."""
    try:
        verify_file(path, checksum)
    except ValueError:
        return False
    return True

"""Original files from the user's own source or from public mirrors: whole, as their checksums say, or not at all."""

import shutil
import socket
from pathlib import Path

from unlearning.io.checksums import difference, verify_file
from unlearning.io.files import OF_THIS_DISK, atomic_path

PATIENCE = 60  # seconds without a byte from a mirror


def fetch(raw: Path, described: dict, mirrors: list[str]) -> None:
    """Put the original files into `raw`; one that is there and whole is not fetched again.

    Args:
        raw: folder for the files.
        described: the data set's `DATASET`.
        mirrors: URLs of folders with the files, or paths of folders; tried in this order.

    Raises:
        ValueError: no mirror gave a file with the published checksum; says what each gave instead.
        OSError: `raw` cannot be written.
    """
    for name, checksum in described["files"].items():
        path = raw / name
        if is_whole(path, checksum):
            continue
        failures = []
        for mirror in mirrors:
            origin = f"{mirror.rstrip('/')}/{name}"
            try:
                with atomic_path(path) as temporary:
                    _get(origin, temporary)
                    if wrong := difference(temporary, checksum):
                        raise ValueError(wrong)
                break
            except (ValueError, OSError, RuntimeError) as error:
                if getattr(error, "errno", None) in OF_THIS_DISK:
                    raise
                failures.append(f"  {origin}: {getattr(error, 'strerror', None) or error}")
        else:
            cure = f"Put a whole copy there and run again; its source: {described['source']}."
            if any("://" in mirror for mirror in mirrors):
                cure = (
                    f"Without a network, name a folder that holds {described['name']}/{name} as data_source in "
                    f"config.yaml, or in the environment variable {SOURCE_VARIABLE}."
                )
            raise ValueError("\n".join([f"{described['name']}: {name} could not be had:", *failures, cure]))


def mirrors_of(name: str, source: str | None, public: list[str]) -> list[str]:
    """Where to look for a data set: the user's own source alone, or the public mirrors."""
    return [f"{source.rstrip('/')}/{name}/"] if source else public


def _get(origin: str, target: Path) -> None:
    if "://" not in origin:
        shutil.copyfile(origin, target)
        return
    from torchvision.datasets.utils import download_url

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)  # torchvision has none of its own, and would wait for ever
    try:
        download_url(origin, str(target.parent), target.name)
    except TimeoutError:
        raise TimeoutError(f"stalled: sent nothing for {PATIENCE} s") from None
    finally:
        socket.setdefaulttimeout(before)


def is_whole(path: Path, checksum: str) -> bool:
    """Whether a file is there, and as it was published."""
    try:
        verify_file(path, checksum)
    except ValueError:
        return False
    return True


SOURCE_VARIABLE = "UNLEARNING_DATA_SOURCE"  # environment variable that says where else to find original files

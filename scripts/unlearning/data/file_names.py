"""Names of files in the user's folders: which are ignored, which are refused, and which one is meant."""

import difflib
import os
import unicodedata
from collections.abc import Iterable
from urllib.parse import unquote

# By systems for folders of pictures, in lower case; names with a dot in front, such as .DS_Store, are hidden anyway.
IGNORED = {"thumbs.db", "desktop.ini"}
IGNORED_IN_WORDS = "hidden files such as .DS_Store, Thumbs.db and desktop.ini are ignored"


def is_ignored(name: str) -> bool:
    """Whether a file or folder of this name is never looked at."""
    return name.startswith(".") or name.lower() in IGNORED


def check_utf8(place: object, names: Iterable[str]) -> None:
    r"""Refuse names that are not UTF-8, which no table or JSON file can hold.

    Args:
        place: the folder of the names, for the message.
        names: as Python reads them from a folder.

    Raises:
        ValueError: there are such names. The message shows their bytes as `\xe9`.
    """
    if wrong := sorted(name for name in names if not _is_utf8(name)):
        raise ValueError(
            f"{printable(place)}: {len(wrong)} names of files or folders are not UTF-8, such as "
            f"'{printable(wrong[0])}'; rename them, for example with convmv"
        )


def _is_utf8(name: str) -> bool:
    try:
        os.fsencode(name).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def printable(path: object) -> str:
    r"""A path in which each byte that is not UTF-8 is written as `\xe9`."""
    return os.fsencode(str(path)).decode("utf-8", "backslashreplace")


def meant(name: str, known: Iterable[str]) -> str | None:
    """Find the known path that another spelling of a path means, or else the most similar one.

    Args:
        name: a path, perhaps with backslashes, `./`, a folder too much or too few in front, in another case or another
            Unicode form, or with %20 for a space.
        known: paths.

    Returns:
        The known path; None where no path is near.
    """
    by_ending = {ending: path for path in known for ending in _endings(path)}
    for ending in _endings(name):
        if ending in by_ending:
            return by_ending[ending]
    near = difflib.get_close_matches(name, list(known), n=1)
    return near[0] if near else None


def quoted(*names: str) -> list[str]:
    """Quote names for one message; in ASCII where they would look the same, such as two Unicode forms of é."""
    alike = len({unicodedata.normalize("NFC", name) for name in names}) < len(names)
    return [ascii(name) if alike else repr(name) for name in names]


def _endings(path: str) -> list[str]:
    """A path in one spelling, whole and then without its first folders."""
    parts = unicodedata.normalize("NFC", unquote(path).replace("\\", "/")).casefold().split("/")
    parts = [part for part in parts if part not in ("", ".")]
    return ["/".join(parts[start:]) for start in range(len(parts))]

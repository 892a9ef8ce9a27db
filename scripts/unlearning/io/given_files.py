"""Files of weights that a user names, by path or by URL: which file, and whether the file is whole.

Nothing here imports torch: the workflow fetches the files before the first job starts.
"""

from pathlib import Path

from unlearning.io import downloads
from unlearning.io.checksums import difference
from unlearning.io.files import broken_link, explain_full_disk


def one_of(weights: dict, placeholder: str, values: list[int], value: int) -> dict:
    """Choose one file of the key `weights`, which may name several files by a placeholder.

    Args:
        weights: what stands under `original.weights`, `judge.weights` or `guide.weights`.
        placeholder: 'seed' or 'network'.
        values: all values of the placeholder, in order.
        value: the chosen one.

    Returns:
        The same keys, with the value in place of the placeholder, and one checksum in place of a list.
    """
    entry = dict(weights)
    for key in ("file", "url"):
        if key in entry:
            entry[key] = entry[key].replace(f"{{{placeholder}}}", str(value))
    if isinstance(entry.get("sha256"), list):
        entry["sha256"] = entry["sha256"][values.index(value)]
    if "file" in entry:
        entry["file"] = downloads.expand_home(entry["file"])
    return entry


def fetched_record(entry: dict) -> str:
    """The record of a fetched file, as a path below the folder of data. The file of a URL lies beside its record."""
    return f"weights/{entry['sha256']}/fetched.json"


def file_of(entry: dict, named: Path) -> Path:
    """The file of weights: the one that the rule names, or the file of a URL beside the record that the rule names."""
    return named.with_name(_name(entry)) if "url" in entry else named


def suffix_of(entry: dict | None) -> str:
    """The suffix of the file of weights, without a dot; 'pth' for a name without one, 'safetensors' without a file."""
    if entry is None:
        return "safetensors"
    suffix = Path(entry.get("url") or entry["file"]).suffix[1:]
    return suffix if suffix.isalnum() else "pth"


def fetch(entry: dict, folder: Path, source: str | None) -> Path:
    """Put the file of a URL into a folder; a file that is there with its checksum is not fetched again.

    Args:
        entry: with the keys `url`, `folder` and `sha256`, see `one_of`.
        folder: for the file.
        source: folder or URL of the user's own that holds {folder}/{file}; None for the URL of the entry.

    Returns:
        Path of the file. `downloads.fetch` raises a ValueError where the file with the checksum is not to be had;
        `explain_full_disk` raises an OSError.
    """
    name = _name(entry)
    description = {"name": entry["folder"], "source": entry["url"], "files": {name: f"sha256:{entry['sha256']}"}}
    public = [entry["url"].rpartition("/")[0]]
    with explain_full_disk(folder):
        downloads.fetch(folder, description, downloads.mirrors_of(entry["folder"], source, public))
    return folder / name


def check_local(entry: dict, key: str) -> None:
    """Refuse a local file that is missing, is no plain file, or has another checksum than the one stated, if one is.

    Args:
        entry: with the key `file`, see `one_of`.
        key: that the entry stands under, for messages.

    Raises:
        ValueError: the file cannot be used.
    """
    path, place = Path(entry["file"]), f"{key}.file = {entry['file']!r}"
    if not path.is_file():
        if path.is_dir():
            raise ValueError(f"{place}: is a folder; name the file in it")
        reason = broken_link(path) or ("is no plain file" if path.exists() else "no such file")
        raise ValueError(f"{place}: {reason}; name a file that is there, from the working directory {Path.cwd()}")
    if "sha256" in entry and (problem := difference(path, f"sha256:{entry['sha256']}")):
        raise ValueError(f"{place}: {problem}; copy the file again, or correct {key}.sha256")


def _name(entry: dict) -> str:
    return entry["url"].rpartition("/")[2]

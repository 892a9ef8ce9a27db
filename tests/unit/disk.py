"""Data sets on a full disk."""

import pytest

import fetch_dataset


def fetch_on_a_full_disk(dataset, folder):
    """Fetch a data set into a folder on a full disk; returns the names of the files there, which should be none."""
    message = f"{folder / 'raw'}: cannot be written: No space left on device; make room on its disk, or set data in con"
    with pytest.raises(OSError, match=f"^{message}"):
        fetch_dataset.main(dataset=dataset, looked_up="", fetched=folder / "fetched.json")
    return [path.name for path in folder.rglob("*") if path.name != "raw"]

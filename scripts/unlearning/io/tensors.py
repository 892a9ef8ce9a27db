"""Named arrays with a header, in one safetensors file.

The same arrays always give the same bytes: a result that is computed again changes nothing downstream. The file's
header holds a hash of the arrays, so that a damaged or changed file is refused.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from unlearning.io.files import atomic_path

# safetensors' names of types, and NumPy's.
TYPES = {"F64": "f8", "F32": "f4", "F16": "f2", "I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1"}
TYPES |= {"U8": "u1", "BOOL": "?"}


def write_tensors(path: Path, tensors: dict, header: dict | None = None) -> None:
    """Write arrays into one file.

    Args:
        path: the file.
        tensors: NumPy arrays or torch tensors, by name.
        header: what the arrays belong to; anything that JSON can hold.
    """
    arrays = {name: np.asarray(_as_numpy(tensor), order="C") for name, tensor in tensors.items()}
    # One key: safetensors writes several keys in an order that changes from process to process.
    text = json.dumps({"header": header, "sha256": _sha256(arrays)})
    with atomic_path(path) as temporary:
        save_file(arrays, temporary, metadata={"content": text})


def read_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict | None]:
    """Read a file that `write_tensors` wrote.

    The arrays are mapped from the file, so that a file larger than the memory can be read. Writing to an array
    does not change the file.

    Args:
        path: the file.

    Returns:
        The arrays by name, and the header.

    Raises:
        ValueError: the file is damaged, or was changed since it was written.
    """
    cure = "delete it and run again"
    try:
        with safe_open(path, framework="np") as file:
            content = json.loads(file.metadata()["content"])
        arrays = _map(path)
    except (SafetensorError, TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{path}: not a whole file of this project ({error}); {cure}") from None
    if _sha256(arrays) != content["sha256"]:
        raise ValueError(f"{path}: changed since it was written, its content has not the hash in its header; {cure}")
    return arrays, content["header"]


def _map(path: Path) -> dict[str, np.ndarray]:
    """Map the arrays of a file that safetensors has checked."""
    # No reader of safetensors maps a file without torch. Measured on 600 MiB, with safetensors 0.8.0 and torch 2.15.0:
    # - its reader for NumPy copies: +600 MiB, and +1,200 MiB at the peak;
    # - its reader for torch maps (+2 MiB), but the import of torch takes 2.2 s and 270 MiB, in jobs that need torch
    #   for nothing else (select_forget_set, prepare_dataset);
    # - this function maps: 0.01 s, less than 1 MiB.
    # The file holds the size of its JSON header in 8 bytes, the header, then the bytes of the arrays.
    content = np.memmap(path, mode="c")
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(bytes(content[8:start]))
    arrays = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = (start + offset for offset in entry["data_offsets"])
            arrays[name] = np.asarray(content[begin:end]).view(TYPES[entry["dtype"]]).reshape(entry["shape"])
    return arrays


def _sha256(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}\0".encode())
        digest.update(arrays[name])
    return digest.hexdigest()


def _as_numpy(tensor) -> np.ndarray:
    return tensor if isinstance(tensor, np.ndarray) else tensor.detach().cpu().numpy()

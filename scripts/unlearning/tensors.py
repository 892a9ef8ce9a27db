"""Named arrays and what they belong to, in one safetensors file.

The same arrays always give the same bytes, so that a result made again changes nothing downstream.
"""

import json
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from unlearning.files import atomic_path


def write_tensors(path: Path, tensors: dict, header: dict | None = None) -> None:
    """Write NumPy arrays or torch tensors, with a header of anything JSON can hold."""
    arrays = {name: np.asarray(_as_numpy(tensor), order="C") for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        # One key: safetensors writes several in an order that changes from process to process.
        save_file(arrays, temporary, metadata={"header": json.dumps(header)})


def read_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict | None]:
    """The arrays and the header of a file."""
    with safe_open(path, framework="np") as file:
        header = json.loads(file.metadata()["header"])
        return {name: file.get_tensor(name) for name in file.keys()}, header  # noqa: SIM118


def _as_numpy(tensor) -> np.ndarray:
    return tensor if isinstance(tensor, np.ndarray) else tensor.detach().cpu().numpy()

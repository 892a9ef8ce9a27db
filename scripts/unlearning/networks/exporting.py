"""A model's weights in the format in which its original came: the same names, and the same kind of file."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from unlearning.networks.given_weights import is_safetensors, read_state
from unlearning.networks.renaming import renamed


def export(state: dict[str, Tensor], path: Path, source: Path | None, weights: dict | None) -> None:
    """Write weights so that the code that made the original can load them.

    Args:
        state: the state dict of a model of this project.
        path: file to write.
        source: the file of the original; None if it was trained here. The names are then those of the model, and the
            file is a safetensors file.
        weights: the entry of the configuration for this file, see `given_files.one_of`; None without a file. Tensors
            that it leaves out are those of the file. A pickled module becomes a state dict: its code is not known.
    """
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    if source is None:
        save_file(state, path)
        return
    original = read_state(source, weights, "original.weights")
    names = renamed(list(original), weights, "original.weights")
    exported = {name: state[names[name]] if name in names else tensor for name, tensor in original.items()}
    if is_safetensors(source):
        save_file(exported, path)
    else:
        with path.open("wb") as file:  # torch would write the name of a path into the file
            torch.save({weights["entry"]: exported} if "entry" in weights else exported, file)

"""Weights that were trained elsewhere: read without running code of theirs, renamed, and compared with a network.

`load_given` is the whole way from a file to a network.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import psutil
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from unlearning.networks.pickled_module import read_pickled_module
from unlearning.networks.renaming import nearest_names, renamed

LISTED = 8  # differences in a message


def load_given(network: nn.Module, path: Path, weights: dict, key: str) -> None:
    """Give a network the weights of a file; `read_state`, `renamed` and `fitted` raise a ValueError for other weights.

    Args:
        network: changed in place.
        path: file of weights, whose checksum was compared with the one stated.
        weights: the entry of the configuration for this file, see `given_files.one_of`.
        key: that the entry stands under, for messages; with the name of the configuration where it is known.
    """
    state = read_state(path, weights, key)
    names = renamed(list(state), weights, f"{path}: {key}")
    network.load_state_dict(fitted({names[name]: state[name] for name in names}, network.state_dict(), path, key))


def read_state(path: Path, weights: dict, key: str) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file or of a file that `torch.save` wrote.

    Args:
        path: the file.
        weights: see `load_given`; the keys `entry` and `classes`.
        key: see `load_given`.

    Returns:
        The tensors on the CPU by their names in the file.

    Raises:
        ValueError: the file does not fit into memory, is damaged, or holds something else than a state dict.
    """
    check_memory(path, key)
    if is_safetensors(path):
        state = _read_safetensors(path, key)
    elif "classes" in weights:
        state = read_pickled_module(path, weights["classes"], key)
    else:
        state = _read_state_dict(path, key)
    if "entry" in weights:
        if not isinstance(state, Mapping) or weights["entry"] not in state:
            there = ", ".join(map(str, state)) if isinstance(state, Mapping) else type(state).__name__
            raise ValueError(f"{path}: {key}.entry = {weights['entry']!r}: no such entry; the file holds {there[:300]}")
        state = state[weights["entry"]]
    return _tensors(state, path, key)


def check_memory(path: Path, key: str) -> None:
    """Refuse a file that does not fit into the free memory twice: its own tensors, and those of the network.

    Args:
        path: the file.
        key: see `load_given`.

    Raises:
        ValueError: the file does not fit into memory.
    """
    size, free = path.stat().st_size, psutil.virtual_memory().available
    if 2 * size > free:
        raise ValueError(
            f"{path}: {key}: the file has {size / 2**30:.1f} GiB, of which twice as much must fit into memory, but "
            f"only {free / 2**30:.1f} GiB are free; use a machine with more memory"
        )


def is_safetensors(path: Path) -> bool:
    """Whether a file is in the format safetensors, by its content: the size of a JSON header, then the header."""
    with path.open("rb") as file:
        start = file.read(9)
    return len(start) == 9 and start[8:] == b"{" and int.from_bytes(start[:8], "little") <= path.stat().st_size


def _read_safetensors(path: Path, key: str) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path}: {key}: truncated or damaged ({error}); copy the file again") from None


def _read_state_dict(path: Path, key: str) -> object:
    try:
        # With weights_only, torch's own reader of pickles makes tensors and containers, and calls nothing else.
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises kinds of its own for damaged files
        if found := re.search(r"(?:GLOBAL|Unsupported class) ([\w.]+)", str(error)):
            raise ValueError(
                f"{path}: {key}: holds a pickled object of the class {found[1]}, whose code would run if it were read; "
                f"run torch.save(model.state_dict(), file) and name that file, or, for a pickled module, list its "
                f"classes under {key}.classes (see docs/start_from_a_trained_model.md)"
            ) from None
        raise ValueError(
            f"{path}: {key}: neither a whole safetensors file nor a whole file of torch.save: truncated, damaged or of "
            f"another kind; run torch.save(model.state_dict(), file) again, and name that file"
        ) from None


def _tensors(state: object, path: Path, key: str) -> dict[str, Tensor]:
    """Require that what was read is a state dict."""
    if not isinstance(state, Mapping) or not state:
        raise ValueError(
            f"{path}: {key}: holds {'nothing' if state == {} else type(state).__name__}, not a state dict of names and "
            "tensors; run torch.save(model.state_dict(), file) and name that file"
        )
    if others := [str(name) for name, value in state.items() if not isinstance(value, Tensor)]:
        inside = [name for name in others if isinstance(state.get(name), Mapping)]
        cure = f"write one of {', '.join(inside)} under {key}.entry" if inside else "name a file of a plain state dict"
        raise ValueError(f"{path}: {key}: not a state dict: {', '.join(others[:LISTED])} hold no tensor; {cure}")
    return dict(state)


def fitted(state: dict[str, Tensor], network: dict[str, Tensor], path: Path, key: str) -> dict[str, Tensor]:
    """Require that the tensors of a file are exactly those of a network.

    Args:
        state: tensors of the file, by their names in the network.
        network: state dict of the network.
        path: the file, for messages.
        key: see `load_given`.

    Returns:
        The tensors of the file.

    Raises:
        ValueError: a name, shape or type differs, or a number is not finite.
    """
    problems = []
    for name in sorted(state.keys() - network.keys()):
        problems.append(
            f"{name!r} of the file, shape {shape(state[name])}: not in the model{nearest_names(name, network)}"
        )
    for name in sorted(network.keys() - state.keys()):
        near = nearest_names(name, state)
        problems.append(f"{name!r} of the model, shape {shape(network[name])}: not in the file{near}")
    for name in (name for name in network if name in state):
        ours, theirs = network[name], state[name]
        if theirs.shape != ours.shape:
            problems.append(f"{name!r}: shape {shape(theirs)} in the file, {shape(ours)} in the model")
        elif theirs.dtype != ours.dtype:
            problems.append(
                f"{name!r}: {_type(theirs)} in the file, {_type(ours)} in the model; save that of model.float()"
            )
        elif theirs.is_floating_point() and not theirs.isfinite().all():
            bad = int((~theirs.isfinite()).sum())
            problems.append(f"{name!r}: {bad} of {theirs.numel()} numbers are NaN or infinite; name a file without")
    if problems:
        fit = sum(name in state and state[name].shape == tensor.shape for name, tensor in network.items())
        more = [f"and {len(problems) - LISTED} more differences"] if len(problems) > LISTED else []
        raise ValueError(
            "\n  ".join(
                [
                    f"{path}: {key}: {fit} of the model's {len(network)} tensors are in the file:",
                    *problems[:LISTED],
                    *more,
                    f"rename or leave out tensors of the file under {key}, or change the layers of the network in the "
                    "experiment's file",
                ]
            )
        )
    return state


def shape(tensor: Tensor) -> str:
    """The shape of a tensor in words, such as 400×784; 'one number' for a tensor without axes."""
    return "×".join(map(str, tensor.shape)) or "one number"


def _type(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")

"""Adam's moments at the end of a training elsewhere: read without running code, and compared with a network.

The state dict of a torch optimiser names no parameters: it numbers them in the order in which the optimiser got them.
"""

import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from unlearning.networks.given_weights import LISTED, check_memory, is_safetensors, read_state, shape
from unlearning.networks.renaming import renamed

MOMENTS = ("exp_avg", "exp_avg_sq")  # torch's names of Adam's first and second moment
CURE = "save torch.save(optimizer.state_dict(), file) after the training with torch.optim.Adam, and name that file"


def ordered_parameters(network: nn.Module, weights: Path, entry: dict, key: str) -> list[str]:
    """The names of a network's parameters, in the order in which the network that was trained elsewhere has them.

    `read_state` and `renamed` raise a ValueError for other weights.

    Args:
        network: the network that the weights are for.
        weights: the file of weights.
        entry: the entry of the configuration for this file, see `given_files.one_of`.
        key: that the entry stands under, for messages.

    Returns:
        The names. The order is that of the file; that of the network where the file's format has an order of its own.
    """
    names = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
    if is_safetensors(weights):
        return names
    in_file = renamed(list(read_state(weights, entry, key)), entry, f"{weights}: {key}").values()
    return [name for name in in_file if name in names]


def load_moments(network: nn.Module, names: list[str], path: Path, entry: dict, key: str) -> dict[str, Tensor]:
    """Read the moments of the parameters of a network; `_read_states` raises a ValueError for other files.

    Args:
        network: the network.
        names: of its parameters, in the optimiser's order, see `ordered_parameters`.
        path: the file of the optimiser's state dict.
        entry: the entry of the configuration for this file, see `given_files.one_of`.
        key: that the entry stands under, for messages.

    Returns:
        The moments, `{parameter}.exp_avg` and `{parameter}.exp_avg_sq`, and the number of steps as `step`.

    Raises:
        ValueError: the moments belong to another network, or are no finite numbers.
    """
    states = _read_states(path, entry, key)
    if len(states) != len(names):
        raise ValueError(
            f"{path}: {key}: holds the state of {len(states)} parameters, but the model has {len(names)}; name the "
            "file of the same training as that of the weights"
        )
    of_names, parameters = dict(zip(names, states, strict=True)), dict(network.named_parameters())
    problems = [problem for name in names for problem in _problems(name, of_names[name], parameters[name])]
    steps = sorted({float(state["step"]) for state in states if _is_number(state["step"])})
    if len(steps) != 1 or steps[0] < 1 or not all(_is_number(state["step"]) for state in states):
        problems.append(f"the numbers of steps are {steps}, but must be one for all parameters, and at least 1")
    if problems:
        more = [f"and {len(problems) - LISTED} more"] if len(problems) > LISTED else []
        lines = [f"{path}: {key}: does not fit the model:", *problems[:LISTED], *more]
        raise ValueError("\n  ".join([*lines, "name the file of the same training as that of the weights"]))
    moments = {f"{name}.{moment}": of_names[name][moment] for name in names for moment in MOMENTS}
    return {**moments, "step": torch.tensor(steps[0])}


def _read_states(path: Path, entry: dict, key: str) -> list[Mapping]:
    """Read the state of each parameter, in the optimiser's order.

    Args:
        path: see `load_moments`.
        entry: see `load_moments`; the key `entry`.
        key: see `load_moments`.

    Returns:
        The states, with the keys `step`, `exp_avg` and `exp_avg_sq`.

    Raises:
        ValueError: the file does not fit into memory, is damaged, or holds something else than the state of Adam for
            one group of parameters.
    """
    check_memory(path, key)
    try:
        # With weights_only, torch's own reader of pickles makes tensors and containers, and calls nothing else.
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # torch raises kinds of its own for damaged files
        raise ValueError(
            f"{path}: {key}: no whole file of torch.save, or one that holds more than tensors and numbers; {CURE}"
        ) from None
    if "entry" in entry:
        if not isinstance(content, Mapping) or entry["entry"] not in content:
            raise ValueError(f"{path}: {key}.entry = {entry['entry']!r}: no such entry in the file")
        content = content[entry["entry"]]
    match content:
        case {"state": {**state}, "param_groups": [{"params": [*numbers]}]}:
            states = [state.get(number) for number in numbers]
        case {"state": {}, "param_groups": [*groups]} if len(groups) > 1:
            raise ValueError(f"{path}: {key}: has {len(groups)} groups of parameters, but only one has a known order")
        case _:
            raise ValueError(f"{path}: {key}: not the state dict of an optimiser; {CURE}")
    if not all(isinstance(each, Mapping) and each.keys() == {"step", *MOMENTS} for each in states):
        raise ValueError(f"{path}: {key}: not step, {' and '.join(MOMENTS)} for each parameter, as Adam has; {CURE}")
    return states


def _problems(name: str, state: Mapping, parameter: Tensor) -> list[str]:
    """What is wrong with the moments of one parameter."""
    problems = []
    for moment in MOMENTS:
        tensor = state[moment]
        if not isinstance(tensor, Tensor) or tensor.shape != parameter.shape:
            theirs = shape(tensor) if isinstance(tensor, Tensor) else type(tensor).__name__
            problems.append(f"{moment} of {name!r}: shape {theirs} in the file, {shape(parameter)} in the model")
        elif tensor.dtype != parameter.dtype:
            problems.append(f"{moment} of {name!r}: {tensor.dtype} in the file, {parameter.dtype} in the model")
        elif not tensor.isfinite().all() or (moment == MOMENTS[1] and (tensor < 0).any()):
            problems.append(f"{moment} of {name!r}: has numbers that are NaN, infinite or, in a square, negative")
    return problems


def _is_number(step: object) -> bool:
    """Whether the number of steps is one finite number, which torch keeps as a tensor."""
    if isinstance(step, Tensor):
        return step.numel() == 1 and bool(step.isfinite().all())
    return isinstance(step, int | float) and math.isfinite(step)

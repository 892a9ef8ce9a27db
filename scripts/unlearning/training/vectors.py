"""A model's parameters as one flat vector."""

import torch
from torch import Tensor, nn


def trainable(model: nn.Module) -> list[nn.Parameter]:
    """The parameters that training and unlearning may change, in a fixed order."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def trainable_names(model: nn.Module) -> list[str]:
    """The names of the parameters of `trainable`, in the same order."""
    return [name for name, parameter in model.named_parameters() if parameter.requires_grad]


def flatten(tensors: list[Tensor]) -> Tensor:
    """Join tensors into one vector (P,)."""
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


def unflatten(vector: Tensor, like: list[Tensor]) -> list[Tensor]:
    """Split a vector (P,) into tensors with the shapes of the tensors `like`."""
    parts = vector.split([tensor.numel() for tensor in like])
    return [part.view_as(tensor) for part, tensor in zip(parts, like, strict=True)]

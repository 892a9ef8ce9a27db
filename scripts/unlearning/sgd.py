"""Plain gradient descent, with the interface of `adam.Adam`."""

import torch
from torch import Tensor, nn

from unlearning.vectors import trainable, unflatten


class SGD:
    """Steps along −direction: θ ← θ − η d.

    Args:
        model: its trainable parameters are changed in place.
        learning_rate: η.
    """

    def __init__(self, model: nn.Module, learning_rate: float):
        self._parameters, self._learning_rate = trainable(model), learning_rate
        self.state: dict[str, Tensor] = {}

    @torch.no_grad()
    def descend(self, direction: Tensor) -> None:
        """Take one step along −`direction`, (P,)."""
        for parameter, part in zip(self._parameters, unflatten(direction, self._parameters), strict=True):
            parameter.sub_(part, alpha=self._learning_rate)

    def load_state(self, state: dict[str, Tensor]) -> None:
        """There is none."""

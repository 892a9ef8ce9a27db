"""Losses of one step as functions of the flat parameter vector, and what a method may ask of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn


def trainable(model: nn.Module) -> list[nn.Parameter]:
    """The parameters that training and unlearning may change, in a fixed order."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def flatten(tensors: list[Tensor]) -> Tensor:
    """Join tensors into one vector (P,)."""
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


def unflatten(vector: Tensor, like: list[Tensor]) -> list[Tensor]:
    """Split a vector (P,) into tensors shaped like the given ones."""
    parts = vector.split([tensor.numel() for tensor in like])
    return [part.view_as(tensor) for part, tensor in zip(parts, like, strict=True)]


class BatchLoss:
    """The loss L(θ) of one batch whose images and noise stay the same however often it is asked.

    Args:
        model: in the mode (train or eval) in which the loss is wanted.
        draw: gives images (B, C, H, W) and their noise; called once, when first needed.
        reduction: 'sum' or 'mean' over the images of the batch.
    """

    def __init__(self, model: nn.Module, draw: Callable[[], tuple[Tensor, Tensor]], reduction: str):
        self._model, self._draw, self._reduction = model, draw, reduction

    @cached_property
    def batch(self) -> tuple[Tensor, Tensor]:
        return self._draw()

    @cached_property
    def _forward(self) -> Tensor:
        return getattr(self._model.losses(*self.batch), self._reduction)()

    @property
    def value(self) -> Tensor:
        """L(θ), a scalar without graph."""
        return self._forward.detach()

    @cached_property
    def gradient(self) -> Tensor:
        """∇L(θ), (P,)."""
        return flatten(torch.autograd.grad(self._forward, trainable(self._model)))

    def gradient_and_hessian(self) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """∇L(θ), (P,), and the map v ↦ ∇²L(θ) v on vectors (P,).

        Exact, by reverse-over-reverse differentiation: each product costs one backward pass through
        the gradient's graph; the loss is not evaluated again.
        """
        parameters = trainable(self._model)
        gradients = torch.autograd.grad(self._forward, parameters, create_graph=True)
        self.gradient = flatten([gradient.detach() for gradient in gradients])

        def hessian(vector: Tensor) -> Tensor:
            return flatten(
                torch.autograd.grad(
                    gradients,
                    parameters,
                    unflatten(vector, parameters),
                    retain_graph=True,
                    materialize_grads=True,
                )
            )

        return self.gradient, hessian

    def again(self) -> "BatchLoss":
        """The same batch and noise, at the parameters the model has by then."""
        return BatchLoss(self._model, lambda: self.batch, self._reduction)


@dataclass(frozen=True)
class Step:
    """What a method sees: the number of the step (1 for the first) and the losses of its two batches."""

    number: int
    retain: BatchLoss
    forget: BatchLoss


def cosine(first: Tensor, second: Tensor) -> Tensor:
    """Cosine of the angle between two vectors (P,); 0 where one of them is zero."""
    return torch.nn.functional.cosine_similarity(first, second, dim=0, eps=1e-30)

"""Losses of one step as functions of the flat parameter vector, and what a method may ask of them."""

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor, nn

from unlearning.networks.generative import unchanged_buffers
from unlearning.training.vectors import flatten, trainable, unflatten

MOVE = 1e-5  # distance between the two points of a finite difference


class Loss:
    """A loss L(θ) whose images and noise stay the same however often it is asked.

    Args:
        model: in the mode (train or eval) in which the loss is wanted.
        draw: gives what the loss is evaluated on; called once, when first needed.
        evaluate: the scalar L(θ) on what was drawn, at the model's parameters.
    """

    def __init__(self, model: nn.Module, draw: Callable[[], object], evaluate: Callable[[object], Tensor]):
        self._model, self._draw, self._evaluate = model, draw, evaluate

    @cached_property
    def batch(self) -> object:
        """What was drawn; for a batch of images, the images (B, C, H, W) and their noise."""
        return self._draw()

    @cached_property
    def graph(self) -> Tensor:
        """L(θ), a scalar with its graph."""
        return self._evaluate(self.batch)

    @property
    def value(self) -> Tensor:
        """L(θ), a scalar without graph."""
        return self.graph.detach()

    @cached_property
    def gradient(self) -> Tensor:
        """∇L(θ), (P,)."""
        # The graph is kept, for the loss may be a part of another one.
        parts = torch.autograd.grad(self.graph, trainable(self._model), retain_graph=True, materialize_grads=True)
        return flatten(parts)

    @cached_property
    def gradient_graph(self) -> tuple[Tensor, ...]:
        """∇L(θ) by parameter, each with its graph; costs more than `gradient`, which it provides too."""
        parts = torch.autograd.grad(self.graph, trainable(self._model), create_graph=True, materialize_grads=True)
        self.gradient = flatten([part.detach() for part in parts])
        return parts

    def free_graph(self) -> None:
        """Give back the memory of the graphs; batch, noise and `gradient` stay."""
        self.__dict__.pop("graph", None)
        self.__dict__.pop("gradient_graph", None)

    def hessian_product_by_differences(self, vector: Tensor) -> Tensor:
        """∇²L(θ) v, (P,), by one more gradient at θ + h v: no second derivatives, less memory, less exact.

        In float32 its relative error on VAEs trained on MNIST is 2 to 4 %, from rounding (measured on three
        seeds, along UNO's vectors); moves of 2.4e-5 and more met kinks of the ReLUs, and errors above 100 %.
        """
        parameters = trainable(self._model)
        home = [parameter.data for parameter in parameters]
        h = MOVE / vector.norm().clamp_min(1e-30)
        self.gradient  # noqa: B018 - before the parameters move
        _move(parameters, unflatten(flatten(home).addcmul_(h, vector), home))
        with unchanged_buffers(self._model):
            moved = self.reevaluated().gradient
        _move(parameters, home)
        return moved.sub_(self.gradient).div_(h)

    def reevaluated(self) -> "Loss":
        """The same batch and noise, at the parameters the model has by then."""
        return Loss(self._model, lambda: self.batch, self._evaluate)

    def add(self, weight: float, other: "Loss") -> "Loss":
        """L + w·(the other loss)."""
        return WeightedSum(self._model, self, weight, other)


class BatchLoss(Loss):
    """The model's own loss on one batch.

    Args:
        model: see `Loss`.
        draw: gives images (B, C, H, W) and their noise.
        reduction: 'sum' or 'mean' over the images of the batch.
    """

    def __init__(self, model: nn.Module, draw: Callable[[], tuple[Tensor, Tensor]], reduction: str):
        super().__init__(model, draw, lambda batch: getattr(model.losses(*batch), reduction)())
        self._reduction = reduction

    def with_target(self, target: Tensor) -> Loss:
        """The loss on the same batch and noise if the model were to reproduce `target`, (B, C, H, W), instead."""
        return Loss(
            self._model,
            lambda: self.batch,
            lambda batch: getattr(self._model.losses(*batch, target=target), self._reduction)(),
        )


class WeightedSum(Loss):
    """L + w K of two losses, which are evaluated once even where they are parts of several sums."""

    def __init__(self, model: nn.Module, first: Loss, weight: float, second: Loss):
        super().__init__(model, lambda: first.batch, lambda _: first.graph + weight * second.graph)
        self._parts = first, weight, second

    def reevaluated(self) -> Loss:
        first, weight, second = self._parts
        return first.reevaluated().add(weight, second.reevaluated())


def hessian_products(*pairs: tuple[Loss, Tensor]) -> Tensor:
    """Σ ∇²Lᵢ(θ) vᵢ, (P,), exactly: one backward pass through the graphs of all the gradients.

    Args:
        pairs: losses of one model, each with its vector (P,); ask for the `gradient_graph` of a loss
            before its `gradient`, and the gradient is computed only once.
    """
    parameters = trainable(pairs[0][0]._model)
    outputs = [part for loss, _ in pairs for part in loss.gradient_graph]
    vectors = [part for _, vector in pairs for part in unflatten(vector, parameters)]
    # A part without graph is a gradient that is constant, as of an encoder on which the loss does not depend.
    with_graph = [(output, vector) for output, vector in zip(outputs, vectors, strict=True) if output.requires_grad]
    products = torch.autograd.grad(
        [output for output, _ in with_graph],
        parameters,
        [vector for _, vector in with_graph],
        retain_graph=True,
        materialize_grads=True,
    )
    return flatten(products)


def cosine(first: Tensor, second: Tensor) -> Tensor:
    """Cosine of the angle between two vectors (P,); 0 where one of them is zero."""
    return torch.nn.functional.cosine_similarity(first, second, dim=0, eps=1e-30)


def _move(parameters: list[nn.Parameter], values: list[Tensor]) -> None:
    for parameter, value in zip(parameters, values, strict=True):
        parameter.data = value  # behind autograd's back: graphs of before are asked again when all is as it was

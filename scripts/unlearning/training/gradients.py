"""Losses of one step as functions of the flat parameter vector θ, (P,), with their gradients and curvature."""

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor, nn

from unlearning.training.vectors import flatten, trainable, unflatten


class Loss:
    """A loss L(θ) that is evaluated on the same images and noise every time.

    The batch is drawn, and value and gradient are computed, when they are first needed.

    Args:
        model: the model, in the mode (train or eval) in which the loss is evaluated.
        draw: returns the batch that the loss is evaluated on. It is called once.
        evaluate: returns the scalar L(θ) on a batch, at the model's current parameters.

    Example:
        Value, gradient and curvature of one loss::

            loss = Loss(model, lambda: latents, lambda latents: model.samples(latents).square().sum())
            loss.value                                   # L(θ), a scalar
            loss.gradient                                # ∇L(θ), (P,)
            hessian_products((loss, vector))       # ∇²L(θ) v, (P,)
    """

    def __init__(self, model: nn.Module, draw: Callable[[], object], evaluate: Callable[[object], Tensor]):
        self._model, self._draw, self._evaluate = model, draw, evaluate

    @cached_property
    def batch(self) -> object:
        """What the loss is evaluated on; for a batch of images, the images (B, C, H, W) and their noise."""
        return self._draw()

    def draw(self) -> object:
        """Draw the batch now, if it is not drawn yet, and return it."""
        return self.batch

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
        # The graph is kept, because the loss may be a part of another loss.
        parts = torch.autograd.grad(self.graph, trainable(self._model), retain_graph=True, materialize_grads=True)
        return flatten(parts)

    @cached_property
    def gradient_parts(self) -> tuple[Tensor, ...]:
        """∇L(θ) by parameter, each part with its graph, for second derivatives."""
        return torch.autograd.grad(self.graph, trainable(self._model), create_graph=True, materialize_grads=True)

    def twice_differentiable_gradient(self) -> Tensor:
        """`gradient`, computed together with the graph that `hessian_products` needs.

        This costs more than `gradient` alone, and less than `gradient` and later that graph.

        Returns:
            ∇L(θ), (P,).
        """
        self.gradient = flatten([part.detach() for part in self.gradient_parts])
        return self.gradient

    def free_graph(self) -> None:
        """Free the memory of the graphs. Batch, noise and `gradient` stay."""
        self.__dict__.pop("graph", None)
        self.__dict__.pop("gradient_parts", None)

    def add(self, weight: float, other: "Loss") -> "Loss":
        """L + w K, the sum with another loss K times a weight."""
        return WeightedSum(self._model, self, weight, other)


class BatchLoss(Loss):
    """The model's own loss on one batch of images.

    Args:
        model: see `Loss`.
        draw: returns images (B, C, H, W) and their noise.
        reduction: 'sum' or 'mean' over the images of the batch.

    Example:
        The gradient of the summed loss of given images::

            BatchLoss(model, lambda: (images, model.loss_noise(len(images), generator)), "sum").gradient
    """

    def __init__(self, model: nn.Module, draw: Callable[[], tuple[Tensor, Tensor]], reduction: str):
        super().__init__(model, draw, lambda batch: reduce(model.losses(*batch), reduction))
        self.reduction = reduction

    def reevaluated(self) -> "BatchLoss":
        """The loss on the same batch and noise, at the parameters that the model has when it is evaluated."""
        return BatchLoss(self._model, self.draw, self.reduction)

    def on(self, images: Tensor, noise: Tensor) -> "BatchLoss":
        """The loss on other images (B, C, H, W) with noise (B, ...) from `model.loss_noise`."""
        return BatchLoss(self._model, lambda: (images, noise), self.reduction)

    def with_target(self, target: Tensor) -> Loss:
        """The loss on the same batch and noise, with another target for the model's output.

        Args:
            target: (B, C, H, W) images that the model is to reproduce instead of the images of the batch.

        Returns:
            The loss.
        """
        return Loss(
            self._model, self.draw, lambda batch: reduce(self._model.losses(*batch, target=target), self.reduction)
        )


class WeightedSum(Loss):
    """L + w K of two losses. Each of them is evaluated once, even if it is a part of several sums.

    Args:
        model: see `Loss`.
        first: L.
        weight: w.
        second: K.
    """

    def __init__(self, model: nn.Module, first: Loss, weight: float, second: Loss):
        super().__init__(model, first.draw, lambda _: first.graph + weight * second.graph)


def hessian_products(*pairs: tuple[Loss, Tensor]) -> Tensor:
    """Σ ∇²Lᵢ(θ) vᵢ, (P,), by one backward pass through the graphs of all the gradients.

    A loss whose gradient is needed, too, should compute it by `Loss.twice_differentiable_gradient`.

    Args:
        pairs: losses of one model, each with its vector (P,).

    Returns:
        The sum of the products.
    """
    parameters = trainable(pairs[0][0]._model)
    outputs = [part for loss, _ in pairs for part in loss.gradient_parts]
    vectors = [part for _, vector in pairs for part in unflatten(vector, parameters)]
    # A part has no graph if the gradient is constant there, as of an encoder on which the loss does not depend.
    with_graph = [(output, vector) for output, vector in zip(outputs, vectors, strict=True) if output.requires_grad]
    products = torch.autograd.grad(
        [output for output, _ in with_graph],
        parameters,
        [vector for _, vector in with_graph],
        retain_graph=True,
        materialize_grads=True,
    )
    return flatten(products)


def reduce(losses: Tensor, reduction: str) -> Tensor:
    """The 'sum' or the 'mean' of the losses (B,) of a batch."""
    return losses.sum() if reduction == "sum" else losses.mean()


def cosine(first: Tensor, second: Tensor) -> Tensor:
    """Cosine of the angle between two vectors (P,); 0 where one of them is zero."""
    return torch.nn.functional.cosine_similarity(first, second, dim=0, eps=1e-30)

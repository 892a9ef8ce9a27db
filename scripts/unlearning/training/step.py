"""What a method works with: one step of the loop, and what there is before the first step."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from unlearning.networks.classifier import Classifier
from unlearning.training.gradients import Loss
from unlearning.training.vectors import flatten, trainable


@dataclass(frozen=True)
class Step:
    """What a method works with in one step.

    Attributes:
        number: number of the step, from 1.
        retain: loss on the retain batch.
        forget: loss on the forget batch.
        histogram: KL(p̄ ‖ q) with p̄ the mean class probabilities that the guide gives to generated samples, and q
            uniform over the retained classes; None without a guide.
        model: the model, in training.
        prepared: what the method's `prepare` returned; None for a method without `prepare`.
        generator: the generator of the method's own random numbers.

    The page docs/add_your_own.md has a complete method.
    """

    number: int
    retain: Loss
    forget: Loss
    histogram: Loss | None = None
    model: nn.Module | None = None
    prepared: object = None
    generator: torch.Generator | None = None

    def loss(self, evaluate: Callable[[], Tensor]) -> Loss:
        """A loss that the method defines itself.

        Args:
            evaluate: returns the scalar L(θ) at the model's current parameters. It is called when value or gradient
                are first needed.

        Returns:
            The loss, with value and gradient.
        """
        return Loss(self.model, lambda: None, lambda _: evaluate())

    def free_graphs(self) -> None:
        """Free the memory of the graphs of both losses; batches and gradients stay."""
        self.retain.free_graph()
        self.forget.free_graph()

    def with_histogram(self, weight: float) -> "Step":
        """The same step with the histogram loss, times `weight`, added to both losses."""
        return replace(
            self, retain=self.retain.add(weight, self.histogram), forget=self.forget.add(weight, self.histogram)
        )


@dataclass(frozen=True)
class Setup:
    """What a method's `prepare` works with, before the first step.

    Attributes:
        teacher: a frozen copy of the original model, in eval mode.
        retain: (N, C, H, W) uint8 images to keep, on the model's device.
        forget: (M, C, H, W) uint8 images to forget.
        batch_size: images of each batch.
        reduction: 'sum' or 'mean' over the images of a batch.
        guide: a frozen classifier; None where the experiment has none.
        forgotten_classes: numbers of the forgotten classes.
        generator: the generator of the method's own random numbers.
        retain_labels: (N,) class numbers of the images to keep; only a model with labels needs them.
        forget_labels: (M,) class numbers of the images to forget.
        trainable: names of the parameters that unlearning may change; None for all.
    """

    teacher: nn.Module
    retain: Tensor
    forget: Tensor
    batch_size: int
    reduction: str
    guide: Classifier | None
    forgotten_classes: list[int]
    generator: torch.Generator
    retain_labels: Tensor | None = None
    forget_labels: Tensor | None = None
    trainable: list[str] | None = None

    @contextmanager
    def differentiable_teacher(self) -> Iterator[nn.Module]:
        """The teacher with gradients, meanwhile, for the parameters that unlearning may change: (P,), as the model's.

        Yields:
            The teacher.
        """
        for name, parameter in self.teacher.named_parameters():
            parameter.requires_grad_(self.trainable is None or name in self.trainable)
        yield self.teacher
        self.teacher.requires_grad_(False)


def check_direction(direction: object, model: nn.Module) -> None:
    """Check what a method returned.

    Args:
        direction: what the method returned.
        model: a model with P trainable parameters.

    Raises:
        ValueError: the direction is not a tensor (P,) of the type of the parameters.
    """
    parameters = trainable(model)
    dtype, shape = parameters[0].dtype, (sum(parameter.numel() for parameter in parameters),)
    if not isinstance(direction, Tensor) or (direction.dtype, direction.shape) != (dtype, shape):
        value = f"{direction.dtype} {tuple(direction.shape)}" if isinstance(direction, Tensor) else repr(direction)
        raise ValueError(f"the method's direction must be {dtype} {shape}, but is {value}")


def is_finite(model: nn.Module, row: dict[str, float | None]) -> bool:
    """Whether all trainable parameters and all values of a step's row are finite."""
    finite = flatten(trainable(model)).isfinite().all().item()  # one transfer from a GPU, not one per parameter
    return finite and all(math.isfinite(value) for value in row.values() if value is not None)

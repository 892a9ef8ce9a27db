"""What a method works with: one step of the loop, and what there is before the first step."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from unlearning.networks.classifier import Classifier
from unlearning.training.gradients import Loss


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
    """

    teacher: nn.Module
    retain: Tensor
    forget: Tensor
    batch_size: int
    reduction: str
    guide: Classifier | None
    forgotten_classes: list[int]
    generator: torch.Generator

"""What a method sees of one step, and of the time before the first step."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unlearning.training.gradients import Loss


@dataclass(frozen=True)
class Step:
    """What a method sees of one step.

    number: 1 for the first. retain, forget: the losses of its two batches. histogram: KL of the classes
    of generated samples, by the guide, from uniform over the retained classes; None without a guide.
    model: in training. prepared: what the method's `prepare` returned. generator: for noise of its own.
    """

    number: int
    retain: Loss
    forget: Loss
    histogram: Loss | None = None
    model: nn.Module | None = None
    prepared: object = None
    generator: torch.Generator | None = None

    def loss(self, evaluate: Callable[[], Tensor]) -> Loss:
        """A loss of the method's own, evaluated when its value or gradient is first asked for."""
        return Loss(self.model, lambda: None, lambda _: evaluate())

    def with_histogram(self, weight: float) -> "Step":
        """The same step with the histogram term on both losses."""
        return Step(
            self.number,
            self.retain.add(weight, self.histogram),
            self.forget.add(weight, self.histogram),
            model=self.model,
        )


@dataclass(frozen=True)
class Setup:
    """What a method's `prepare` sees before the first step.

    teacher: frozen copy of the original, in eval mode. retain, forget: uint8 images (N, C, H, W), on the
    model's device. batch_size, reduction: as in the settings. guide: a classifier, frozen; None where
    the experiment has none. forgotten_classes: class numbers. generator: of a stream of its own.
    """

    teacher: nn.Module
    retain: Tensor
    forget: Tensor
    batch_size: int
    reduction: str
    guide: nn.Module | None
    forgotten_classes: list[int]
    generator: torch.Generator

"""Gradient ascent on the forget loss: d = −g_f. Nothing protects what should be retained."""

from torch import Tensor

from unlearning.training.step import Step

PARAMETERS = {}


def direction(step: Step) -> Tensor:
    """−g_f."""
    return -step.forget.gradient

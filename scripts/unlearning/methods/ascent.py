"""Gradient ascent on the forget loss: d = −g_f. Nothing protects the retained images."""

from torch import Tensor

from unlearning.training.step import Step

TITLE = "Gradient ascent"
GROUP = "ascent"
PARAMETERS = {}


def direction(step: Step) -> Tensor:
    """−g_f."""
    return -step.forget.gradient

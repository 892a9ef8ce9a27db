"""Gradient ascent on the forget loss. Nothing protects the retained images.

$$d = -g_f$$

**Source.** The usual first baseline, "A" in the code of Mandal & Gottwald 2025.
"""

from torch import Tensor

from unlearning.training.step import Step

TITLE = "Gradient ascent"
GROUP = "ascent"
PARAMETERS = {}


def direction(step: Step) -> Tensor:
    """−g_f."""
    return -step.forget.gradient

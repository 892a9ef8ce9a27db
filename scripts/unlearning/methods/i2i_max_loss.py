r"""Maximise the training loss on forget images, while the retain loss falls. All weights are trained.

$$d = g_r - \alpha\, g_f$$

**Source.** Baseline of Li et al., ICLR 2024 (arXiv 2402.00351).
"""

from torch import Tensor

from unlearning.training.step import Step

TITLE = "Max loss"
GROUP = "others"
PARAMETERS = {"forget_weight": {"type": "number", "minimum": 0, "description": "α, weight of the forget loss"}}
MODELS = "completing"


def direction(step: Step, forget_weight: float) -> Tensor:
    """g_r − α g_f."""
    return step.retain.gradient - forget_weight * step.forget.gradient

"""Fine-tuning on the retain set alone: d = g_r. The baseline that every other method must beat."""

from torch import Tensor

from unlearning.training.step import Step

TITLE = "Fine-tuning"
GROUP = "finetuning"
PARAMETERS = {}
BASELINE = True


def direction(step: Step) -> Tensor:
    """g_r."""
    return step.retain.gradient

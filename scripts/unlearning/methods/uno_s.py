"""UNO-S: UNO on odd steps, `surgery_retain` on even steps (Mandal & Gottwald 2025)."""

from torch import Tensor

from unlearning.methods import surgery_retain, uno
from unlearning.training.step import Step

TITLE = "UNO-S"
GROUP = "uno"
PARAMETERS = uno.PARAMETERS


def direction(step: Step, orthogonality_weight: float) -> Tensor:
    """UNO's direction on odd steps, g_r − (c/a) g_f on even steps."""
    if step.number % 2:
        return uno.direction(step, orthogonality_weight)
    return surgery_retain.direction(step)

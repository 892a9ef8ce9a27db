"""Fine-tuning on the retain set alone. The baseline that every other method must beat.

$$d = g_r$$

**Source.** The usual control. Mandal & Gottwald 2025 call it "retrain"; here, a retrained model starts from scratch.
"""

from torch import Tensor

from unlearning.training.step import Step

TITLE = "Fine-tuning"
GROUP = "finetuning"
PARAMETERS = {}
BASELINE = True


def direction(step: Step) -> Tensor:
    """g_r."""
    return step.retain.gradient

"""The histogram loss of the UNO paper's code ("hat"): samples are to show the retained classes evenly.

L_r + κ KL(p̄ ‖ q) with p̄ the mean softmax of the guide, a classifier, over generated samples and q uniform over the
retained classes, and 1e-8 on each forgotten one, as in the code, or the divergence would be infinite. The code draws
128 latents once for the whole run and measures forgetting on the same ones; here each step draws its own.
"""

from torch import Tensor

from unlearning.methods import finetune
from unlearning.training.step import Step

NEEDS_GUIDE = True
MODELS = "generating"
PARAMETERS = {
    "histogram_weight": {
        "type": "number",
        "minimum": 0,
        "description": "κ, the weight of the histogram loss, by the guide, beside each loss of the method",
    }
}


def direction(step: Step, histogram_weight: float) -> Tensor:
    """∇(L_r + κ K)."""
    return finetune.direction(step.with_histogram(histogram_weight))

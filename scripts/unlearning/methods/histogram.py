r"""The histogram loss: generated samples are to show the retained classes evenly.

$$d = \nabla (L_r + \kappa K), \qquad K = \mathrm{KL}(\bar p \,\|\, q)$$

$\bar p$ is the mean softmax of the guide, a classifier, over generated samples. $q$ is uniform over the retained
classes and $10^{-8}$ on each forgotten class, as in the released code: with 0 the divergence would be infinite.

**Source.** The code of Mandal & Gottwald 2025, which calls the loss "hat".

**Released code.** It draws 128 latents once for the whole run and measures forgetting on the same latents. Here each
step draws its own.
"""

from torch import Tensor

from unlearning.methods import finetune
from unlearning.training.step import Step

TITLE = "Histogram loss"
GROUP = "others"
NEEDS_GUIDE = True
MODELS = "generating"
PARAMETERS = {
    "histogram_weight": {
        "type": "number",
        "minimum": 0,
        "description": "κ, weight of the histogram loss, which the guide computes, beside each loss of the method",
    }
}


def direction(step: Step, histogram_weight: float) -> Tensor:
    """∇(L_r + κ K)."""
    return finetune.direction(step.with_histogram(histogram_weight))

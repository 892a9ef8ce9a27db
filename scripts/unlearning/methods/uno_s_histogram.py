"""`uno_s` with the histogram loss, by the guide (see `histogram`), added to both of its losses.

The published runs of UNO-S had it on UNO's steps alone, the odd ones, and λ = 0: until commit c63489b of the authors'
code those steps got the two weights in swapped order, and the steps of surgery got the histogram's own, 0. They are the
row `uno_s_as_run` of configs/mnist.yaml.
"""

from torch import Tensor

from unlearning.methods import uno_histogram, uno_s
from unlearning.training.step import Step

NEEDS_GUIDE = True
MODELS = "generating"
PARAMETERS = {
    **uno_histogram.PARAMETERS,
    "histogram_on": {
        "enum": ["all_steps", "odd_steps"],
        "description": "steps with the histogram loss: all, or those of UNO, which are the odd ones",
    },
}


def direction(
    step: Step, orthogonality_weight: float, histogram_weight: float, hessian_products: str, histogram_on: str
) -> Tensor:
    """UNO-S's direction for L_r + κ K and L_f + κ K; for L_r and L_f on even steps where κ is for odd ones."""
    if histogram_on == "all_steps" or step.number % 2:
        step = step.with_histogram(histogram_weight)
    return uno_s.direction(step, orthogonality_weight, hessian_products)

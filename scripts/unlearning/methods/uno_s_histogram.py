"""`uno_s` with the histogram loss, by the guide (see `histogram`), added to both of its losses."""

from torch import Tensor

from unlearning.gradients import Step
from unlearning.methods import uno_histogram, uno_s

NEEDS_GUIDE = True
MODELS = "generating"
PARAMETERS = uno_histogram.PARAMETERS


def direction(step: Step, orthogonality_weight: float, histogram_weight: float, hessian_products: str) -> Tensor:
    """UNO-S's direction for L_r + κ K and L_f + κ K."""
    return uno_s.direction(step.with_histogram(histogram_weight), orthogonality_weight, hessian_products)

r"""Gradient surgery on the forget gradient, with the histogram loss added to both of its losses.

The direction is that of `surgery_forget` for the losses

$$L_r + \kappa K, \qquad L_f + \kappa K.$$

The histogram loss $K$ uses the guide, see `histogram`.
"""

from torch import Tensor

from unlearning.methods import histogram, surgery_forget
from unlearning.training.step import Step

TITLE = "Gradient surgery (forget), histogram"
GROUP = "surgery"
NEEDS_GUIDE = True
MODELS = "generating"
PARAMETERS = histogram.PARAMETERS


def direction(step: Step, histogram_weight: float) -> Tensor:
    """The direction of `surgery_forget` for L_r + κ K and L_f + κ K."""
    return surgery_forget.direction(step.with_histogram(histogram_weight))

r"""Gradient surgery on the retain gradient, with the histogram loss added to both of its losses.

The direction is that of `surgery_retain` for the losses

$$L_r + \kappa K, \qquad L_f + \kappa K.$$

The histogram loss $K$ uses the guide, see `histogram`.
"""

from torch import Tensor

from unlearning.methods import histogram, surgery_retain
from unlearning.training.step import Step

TITLE = "Gradient surgery (retain), histogram"
GROUP = "surgery"
NEEDS_GUIDE = True
MODELS = "generating"
PARAMETERS = histogram.PARAMETERS


def direction(step: Step, histogram_weight: float) -> Tensor:
    """The direction of `surgery_retain` for L_r + κ K and L_f + κ K."""
    return surgery_retain.direction(step.with_histogram(histogram_weight))

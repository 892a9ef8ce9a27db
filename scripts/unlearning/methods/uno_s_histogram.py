r"""UNO-S with the histogram loss added to both of its losses.

The direction is that of `uno_s` for the losses

$$L_r + \kappa K, \qquad L_f + \kappa K.$$

The histogram loss $K$ uses the guide, see `histogram`.

**Released code.** The published runs of UNO-S had the histogram loss on UNO's steps alone, the odd ones, and
$\lambda = 0$. Until commit c63489b of the authors' code, those steps got the two weights in swapped order, and the
steps of surgery got 0, the histogram's own weight. The published runs are the row `uno_s_as_run` of configs/mnist.yaml.
"""

from torch import Tensor

from unlearning.methods import uno_histogram, uno_s
from unlearning.training.step import Step

TITLE = "UNO-S, histogram"
GROUP = "uno"
NEEDS_GUIDE = True
MODELS = "generating"
PARAMETERS = {
    **uno_histogram.PARAMETERS,
    "histogram_on": {
        "enum": ["all_steps", "odd_steps"],
        "description": "steps with the histogram loss: all, or those of UNO, which are the odd ones",
    },
}


def direction(step: Step, orthogonality_weight: float, histogram_weight: float, histogram_on: str) -> Tensor:
    """UNO-S's direction for L_r + κ K and L_f + κ K; on even steps for L_r and L_f, if `histogram_on` says so."""
    if histogram_on == "all_steps" or step.number % 2:
        step = step.with_histogram(histogram_weight)
    return uno_s.direction(step, orthogonality_weight)

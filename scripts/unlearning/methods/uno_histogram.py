r"""UNO with the histogram loss added to both of its losses.

The direction is that of `uno` for the losses

$$L_r + \kappa K, \qquad L_f + \kappa K.$$

The histogram loss $K$ uses the guide, see `histogram`. With $\kappa = 0$ the method is `uno`.

**Released code.** With $\lambda = 0$ and $\kappa = 10^3$ this is what the published UNO runs computed, see `uno_as_run`
in configs/mnist.yaml.
"""

from torch import Tensor

from unlearning.methods import histogram, uno
from unlearning.training.step import Step

TITLE = "UNO, histogram"
GROUP = "uno"
NEEDS_GUIDE = True
MODELS = "generating"
PARAMETERS = {**uno.PARAMETERS, **histogram.PARAMETERS}


def direction(step: Step, orthogonality_weight: float, histogram_weight: float) -> Tensor:
    """UNO's direction for L_r + κ K and L_f + κ K."""
    return uno.direction(step.with_histogram(histogram_weight), orthogonality_weight)

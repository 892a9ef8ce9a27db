"""`uno` with the histogram loss added to both of its losses. The loss uses the guide, see `histogram`.

With λ = 0 and κ = 1e3 this is what the published UNO runs computed, see `uno_as_run` in configs/mnist.yaml. With
κ = 0 it is `uno`.
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

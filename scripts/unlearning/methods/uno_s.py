r"""UNO-S: UNO on odd steps, gradient surgery on even steps.

$$d = \begin{cases} g_r + \lambda\, (H_f u + H_r v) & \text{on odd steps, see } \texttt{uno} \\
g_r - \frac{c}{a}\, g_f & \text{on even steps} \end{cases}$$

The even steps are those of `surgery_retain`.

**Source.** Mandal & Gottwald 2025 (arXiv 2506.04712).
"""

from torch import Tensor

from unlearning.methods import surgery_retain, uno
from unlearning.training.step import Step

TITLE = "UNO-S"
GROUP = "uno"
PARAMETERS = uno.PARAMETERS


def direction(step: Step, orthogonality_weight: float) -> Tensor:
    """UNO's direction on odd steps, g_r − (c/a) g_f on even steps."""
    if step.number % 2:
        return uno.direction(step, orthogonality_weight)
    return surgery_retain.direction(step)

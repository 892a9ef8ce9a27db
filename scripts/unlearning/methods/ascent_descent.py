r"""Ascent on the forget loss and descent on the retain loss, on alternate steps.

$$d = \begin{cases} -g_f & \text{on odd steps} \\ g_r & \text{on even steps} \end{cases}$$

**Source.** The baseline "A-D" of Mandal & Gottwald 2025 (arXiv 2506.04712), as the paper describes it.

**Released code.** It runs another rule, `ascent_descent_as_run`.
"""

from torch import Tensor

from unlearning.training.step import Step

TITLE = "Ascent and descent"
GROUP = "ascent"
PARAMETERS = {}


def direction(step: Step) -> Tensor:
    """−g_f on odd steps, g_r on even steps."""
    return -step.forget.gradient if step.number % 2 else step.retain.gradient

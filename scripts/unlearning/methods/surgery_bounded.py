r"""Gradient surgery with a bound: ascent on the forget loss that may raise the retain loss by a given amount.

$$d = -\left( g_f - \frac{\max(0,\ c - \varepsilon)}{b}\, g_r \right)$$

Of all directions, $d$ is the nearest to $-g_f$ with $d \cdot g_r \ge -\varepsilon$: the step $-d$ itself, at the
learning rate 1, raises the retain loss by at most $\varepsilon$, to first order. With $\varepsilon = 0$ the method is
`surgery_conflict`; a sweep of $\varepsilon$ gives a curve of the trade-off.

**Source.** The explicit form of EUPMU (Zhou et al., NeurIPS 2025), derived here.
"""

import torch
from torch import Tensor

from unlearning.training.step import Step

TITLE = "Gradient surgery (bounded)"
GROUP = "surgery"
PARAMETERS = {
    "retain_increase": {
        "type": "number",
        "minimum": 0,
        "description": "ε, by which the step −d, at the learning rate 1, may raise the retain loss, to first order",
    }
}


def direction(step: Step, retain_increase: float) -> Tensor:
    """−(g_f − max(0, c − ε)/b · g_r)."""
    g_r, g_f = step.retain.gradient, step.forget.gradient
    # A clamp and not an `if`: a branch on a tensor would wait for the GPU in every step.
    excess = torch.clamp(g_f @ g_r - retain_increase, min=0)
    return -(g_f - excess / (g_r @ g_r) * g_r)

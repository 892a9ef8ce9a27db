r"""Ascent and descent, each projected against the other where they conflict, then added.

$$d = -\left( g_f - \frac{c^+}{b}\, g_r \right) + \left( g_r - \frac{c^+}{a}\, g_f \right), \qquad c^+ = \max(c, 0)$$

**Source.** The restricted gradient of Ko et al. (NeurIPS 2024, "Boosting alignment for post-unlearning text-to-image
generative models"). It is PCGrad (Yu et al. 2020, arXiv 2001.06782) on two tasks: "forget" with the gradient $-g_f$,
and "retain" with the gradient $g_r$. The two conflict where $c > 0$.
"""

import torch
from torch import Tensor

from unlearning.training.step import Step

TITLE = "Gradient surgery (mutual)"
GROUP = "surgery"
PARAMETERS = {}


def direction(step: Step) -> Tensor:
    """−(g_f − (c⁺/b) g_r) + (g_r − (c⁺/a) g_f) with c⁺ = max(c, 0)."""
    g_r, g_f = step.retain.gradient, step.forget.gradient
    conflict = torch.clamp(g_f @ g_r, min=0)
    return (g_r - conflict / (g_f @ g_f) * g_f) - (g_f - conflict / (g_r @ g_r) * g_r)

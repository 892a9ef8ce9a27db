r"""Gradient surgery where the gradients conflict, plain ascent elsewhere.

$$d = \begin{cases} -\left( g_f - \frac{c}{b}\, g_r \right) & c > 0 \\ -g_f & \text{otherwise} \end{cases}$$

Ascent on the forget loss harms the retain loss where $c > 0$.

**Source.** The condition of PCGrad (Yu et al. 2020, arXiv 2001.06782), applied to ascent. The abstract of Bae et al.
2023 (arXiv 2307.04550) does not say whether they project always (`surgery_forget`) or only on conflict, so both are
offered.
"""

import torch
from torch import Tensor

from unlearning.training.step import Step

TITLE = "Gradient surgery (conflict)"
GROUP = "surgery"
PARAMETERS = {}


def direction(step: Step) -> Tensor:
    """−(g_f − (c/b) g_r) where c > 0, −g_f otherwise."""
    g_r, g_f = step.retain.gradient, step.forget.gradient
    # A clamp and not an `if`: a branch on a tensor would wait for the GPU in every step.
    conflict = torch.clamp(g_f @ g_r, min=0)
    return -(g_f - conflict / (g_r @ g_r) * g_r)

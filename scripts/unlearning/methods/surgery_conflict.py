"""Gradient surgery only where the gradients conflict, plain ascent otherwise.

The condition of PCGrad (Yu et al. 2020, arXiv 2001.06782) applied to ascent on the forget loss: the
ascent direction harms the retain loss where c > 0. Whether Bae et al. 2023 project always
(`surgery_forget`) or only on conflict cannot be told from their abstract, so both are offered.
"""

import torch
from torch import Tensor

from unlearning.training.step import Step

PARAMETERS = {}


def direction(step: Step) -> Tensor:
    """−(g_f − (c/b) g_r) where c > 0, −g_f otherwise."""
    g_r, g_f = step.retain.gradient, step.forget.gradient
    # A clamp and not an `if`: a branch on a tensor would make a GPU wait at every step.
    conflict = torch.clamp(g_f @ g_r, min=0)
    return -(g_f - conflict / (g_r @ g_r) * g_r)

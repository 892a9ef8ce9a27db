"""Gradient surgery on the forget gradient: ascent along its part that is orthogonal to g_r.

Bae et al. 2023 (arXiv 2307.04550) as the abstract words it: the forget gradient is projected onto
the normal plane of the gradient to be retained. "SA" in the released UNO code. The full text of Bae
et al. was not at hand: this is one *reading*; `surgery_retain` and `surgery_conflict` are others.
"""

from torch import Tensor

from unlearning.training.step import Step

PARAMETERS = {}


def direction(step: Step) -> Tensor:
    """−(g_f − (c/b) g_r), orthogonal to g_r."""
    g_r, g_f = step.retain.gradient, step.forget.gradient
    return -(g_f - (g_f @ g_r) / (g_r @ g_r) * g_r)

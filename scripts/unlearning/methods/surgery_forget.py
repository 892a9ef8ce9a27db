r"""Gradient surgery on the forget gradient: ascent along the part of $g_f$ that is orthogonal to $g_r$.

$$d = -\left( g_f - \frac{c}{b}\, g_r \right)$$

**Source.** The abstract of Bae et al. 2023 (arXiv 2307.04550): the forget gradient is projected onto the normal plane
of the gradient to be retained. The full text of Bae et al. was not available: this is one *reading*; `surgery_retain`
and `surgery_conflict` are others. The released code of UNO calls this rule "SA".
"""

from torch import Tensor

from unlearning.training.step import Step

TITLE = "Gradient surgery (forget)"
GROUP = "surgery"
PARAMETERS = {}


def direction(step: Step) -> Tensor:
    """−(g_f − (c/b) g_r), orthogonal to g_r."""
    g_r, g_f = step.retain.gradient, step.forget.gradient
    return -(g_f - (g_f @ g_r) / (g_r @ g_r) * g_r)

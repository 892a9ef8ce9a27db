r"""Gradient surgery on the retain gradient: descent along the part of $g_r$ that is orthogonal to $g_f$.

$$d = g_r - \frac{c}{a}\, g_f$$

**Source.** The reading behind the "gradient surgery" rows of Mandal & Gottwald 2025 (arXiv 2506.04712), whose released
code calls it "S". `surgery_forget` projects the other gradient.
"""

from torch import Tensor

from unlearning.training.step import Step

TITLE = "Gradient surgery (retain)"
GROUP = "surgery"
PARAMETERS = {}


def direction(step: Step) -> Tensor:
    """g_r − (c/a) g_f, orthogonal to g_f."""
    g_r, g_f = step.retain.gradient, step.forget.gradient
    return g_r - (g_f @ g_r) / (g_f @ g_f) * g_f

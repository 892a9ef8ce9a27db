"""UNO: descent on the retain loss with the two gradients driven towards orthogonality.

Mandal & Gottwald 2025 (arXiv 2506.04712) minimise L_r + λ cos²(g_f, g_r). Its exact gradient is
g_r + λ (H_f u + H_r v): two Hessian-vector products, with H_f and H_r the Hessians of the losses.

The authors' code *sums* losses over the batch, and λ belongs to that scale; and until commit c63489b
it passed the weights in the wrong order, so that the published runs had λ = 0. This file is UNO as
the paper defines it.
"""

from torch import Tensor

from unlearning.gradients import Step

PARAMETERS = {
    "orthogonality_weight": {
        "type": "number",
        "minimum": 0,
        "description": "λ, the weight of cos²(g_f, g_r) beside the retain loss",
    }
}


def direction(step: Step, orthogonality_weight: float) -> Tensor:
    """g_r + λ (H_f u + H_r v), u = (2c/ab)(g_r − (c/a) g_f), v = (2c/ab)(g_f − (c/b) g_r)."""
    g_r, hessian_r = step.retain.gradient_and_hessian()
    g_f, hessian_f = step.forget.gradient_and_hessian()
    a, b, c = g_f @ g_f, g_r @ g_r, g_f @ g_r
    u = 2 * c / (a * b) * (g_r - c / a * g_f)
    v = 2 * c / (a * b) * (g_f - c / b * g_r)
    return g_r + orthogonality_weight * (hessian_f(u) + hessian_r(v))

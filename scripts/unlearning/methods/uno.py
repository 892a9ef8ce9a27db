r"""UNO: descent on the retain loss, which also drives the two gradients towards orthogonality.

$$\min_\theta\ L_r + \lambda \cos^2(g_f, g_r)$$

The exact gradient of this loss is

$$d = g_r + \lambda\, (H_f u + H_r v), \qquad
u = \frac{2c}{ab} \left( g_r - \frac{c}{a}\, g_f \right), \qquad
v = \frac{2c}{ab} \left( g_f - \frac{c}{b}\, g_r \right)$$

where $H_f$ and $H_r$ are the Hessians of the two losses: two Hessian-vector products, by reverse-over-reverse
differentiation. Differences of the gradient would not do here: across a kink of a ReLU they are wrong by more than
100 %, and on convolutional models in float32 they are rounding noise. For smooth networks, `uno_differences` has them.

**Source.** Mandal & Gottwald 2025 (arXiv 2506.04712). This file is UNO as the paper defines it.

**Released code.** It *sums* losses over the batch, and λ belongs to that scale. Until its commit c63489b, the code
passed the weights in the wrong order, so the published runs had $\lambda = 0$. The published runs are the row
`uno_as_run` of configs/mnist.yaml.
"""

import torch
from torch import Tensor

from unlearning.training.gradients import hessian_products
from unlearning.training.step import Step

TITLE = "UNO"
GROUP = "uno"
PARAMETERS = {
    "orthogonality_weight": {
        "type": "number",
        "minimum": 0,
        "description": "λ, weight of cos²(g_f, g_r) beside the retain loss",
    }
}


def direction(step: Step, orthogonality_weight: float) -> Tensor:
    """g_r + λ (H_f u + H_r v), u = (2c/ab)(g_r − (c/a) g_f), v = (2c/ab)(g_f − (c/b) g_r)."""
    g_r, g_f = (loss.twice_differentiable_gradient() for loss in (step.retain, step.forget))
    a, b, c = g_f @ g_f, g_r @ g_r, g_f @ g_r
    # In place: on a small model, a step is a dozen passes over vectors as long as its parameters.
    u = torch.addcmul(g_r, -c / a, g_f).mul_(2 * c / (a * b))
    v = torch.addcmul(g_f, -c / b, g_r).mul_(2 * c / (a * b))
    return torch.add(g_r, hessian_products((step.forget, u), (step.retain, v)), alpha=orthogonality_weight)

r"""EraseDiff: forget images are learnt with uniform noise in place of Gaussian noise, beside the retain loss.

$$d = g_r + \lambda\, g_q, \qquad q = L_f^u(\theta) - L_f^u(\theta_K)$$

$L_f^u$ is the loss of the forget batch whose Gaussian noise is replaced by uniform noise in $[0, 1)$, in the noisy
images and in what the network is to predict. $\theta_K$ is $\theta$ after $K$ steps on $L_f^u$. $L_f^u(\theta_K)$ is a
constant, so $g_q = \nabla L_f^u(\theta)$, and this file does not take the $K$ steps: the direction does not depend on
them. No label of $L_f^u$ is dropped. The weight is

$$\lambda = \max(0,\ \eta - \cos(g_r, g_q)) \quad \text{(adaptive)}, \qquad \lambda = \eta \quad \text{(fixed)}.$$

**Source.** Wu et al. 2024 (arXiv 2401.05779), after BOME (Liu et al. 2022).

**Released code.** JingWu321/EraseDiff has both weights, with $\eta = 0.1$; the fixed one is its default. Its $K = 2$
passes over the forget set also move Adam's moments, which then belong to $L_f^u$.
"""

import torch
from torch import Tensor

from unlearning.networks.generative import kept_labels
from unlearning.training.gradients import cosine, reduce
from unlearning.training.step import Step

TITLE = "EraseDiff"
GROUP = "others"
MODELS = "generating"
MODEL_HAS = ["label_embeddings", "predictions"]
PARAMETERS = {
    "weighting": {
        "enum": ["adaptive", "fixed"],
        "description": "whether the weight λ of the forget gradient depends on its angle to the retain gradient",
    },
    "margin": {
        "type": "number",
        "minimum": 0,
        "description": "η: the weight itself if it is fixed; otherwise the cosine of the angle at which it becomes 0",
    },
}


def direction(step: Step, weighting: str, margin: float) -> Tensor:
    """g_r + λ g_q."""
    images, noise = step.forget.batch
    pixels = images[0].numel()
    uniform = torch.rand(len(images), pixels, generator=step.generator, device=noise.device, dtype=noise.dtype)
    noise = torch.cat([uniform, noise[:, pixels:]], 1)

    def corruption() -> Tensor:
        with kept_labels(step.model):
            return reduce(step.model.losses(images, noise), step.forget.reduction)

    g_r, g_q = step.retain.gradient, step.loss(corruption).gradient
    weight = margin if weighting == "fixed" else (margin - cosine(g_r, g_q)).clamp(min=0)
    return g_r + weight * g_q

r"""Retain label: the model learns to complete forget images as if they were retain images. All weights are trained.

$$d = \nabla \left( L_r + \alpha\, L(x; \hat y) \right)$$

The target $\hat y$ of a forget image $x$ is the frozen original's completion of a random retain image.

**Source.** Baseline of Li et al., ICLR 2024 (arXiv 2402.00351).

**Released code.** `pushed_images` says whose target is wrong. 'forget' is as published, and as in the released code for
diffusion. 'retain' is as in the released code for MAGE: its two terms are both weighted by the retain mask, so forget
images have no loss, and retain images are pushed to the wrong target. Of that code only the mask is copied. Its losses
are not copied: for MAGE and for diffusion, both terms are mean squared distances to the frozen original's outputs, the
second to the output for another image of the same batch.
"""

import torch
from torch import Tensor

from unlearning.networks.images import as_float
from unlearning.training.step import Setup, Step

TITLE = "Retain label"
GROUP = "others"
PARAMETERS = {
    "forget_weight": {"type": "number", "minimum": 0, "description": "α, weight of the loss with the wrong target"},
    "pushed_images": {
        "enum": ["forget", "retain"],
        "description": "images that get the wrong target: forget as published, retain as released",
    },
}
MODELS = "completing"
LABELS = 256  # completions, made once: new ones in each step would take a diffusion model most of its time


@torch.no_grad()
def prepare(setup: Setup, forget_weight: float, pushed_images: str) -> Tensor:
    """Completions (LABELS, C, H, W) of random retain images by the frozen original."""
    indices = torch.randint(len(setup.retain), (LABELS,), generator=setup.generator, device=setup.retain.device)
    noise = setup.teacher.completion_noise(LABELS, setup.generator)
    return setup.teacher.completions(as_float(setup.retain[indices]), noise)


def direction(step: Step, forget_weight: float, pushed_images: str) -> Tensor:
    """∇(L_r + α L(x; ŷ)), where the target ŷ is a completion of another retain image."""
    pushed = step.forget if pushed_images == "forget" else step.retain
    count, labels = len(pushed.batch[0]), step.prepared
    indices = torch.randint(len(labels), (count,), generator=step.generator, device=labels.device)
    return step.retain.add(forget_weight, pushed.with_target(labels[indices])).gradient

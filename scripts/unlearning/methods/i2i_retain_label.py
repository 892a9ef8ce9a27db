"""Retain label (baseline of Li et al., ICLR 2024), all weights: forget images are to be completed to what the frozen
original gives for some retain image.

`pushed_images`: whose target is the wrong one. 'forget' as published and in the released code for diffusion. 'retain'
as in that for MAGE: both terms are weighed by the retain mask, so forget images have no loss and retain images are
pushed to the wrong target. Of that code the mask is copied, not its losses, distances to the frozen original's outputs.
"""

import torch
from torch import Tensor

from unlearning.networks.images import as_float
from unlearning.training.step import Setup, Step

PARAMETERS = {
    "forget_weight": {"type": "number", "minimum": 0, "description": "α, weight of the loss with the wrong target"},
    "pushed_images": {"enum": ["forget", "retain"], "description": "whose target is wrong: as published, as released"},
}
MODELS = "completing"
LABELS = 256  # completions by the original, made once; one per step would cost a diffusion model most of its time


@torch.no_grad()
def prepare(start: Setup, forget_weight: float, pushed_images: str) -> Tensor:
    """Completions (LABELS, C, H, W) of random retain images by the frozen original."""
    chosen = torch.randint(len(start.retain), (LABELS,), generator=start.generator, device=start.retain.device)
    noise = start.teacher.completion_noise(LABELS, start.generator)
    return start.teacher.completions(as_float(start.retain[chosen]), noise)


def direction(step: Step, forget_weight: float, pushed_images: str) -> Tensor:
    """∇(L_r + α L(x; target ŷ)), ŷ a completion of another retain image."""
    pushed = getattr(step, pushed_images)
    count, labels = len(pushed.batch[0]), step.prepared
    chosen = torch.randint(len(labels), (count,), generator=step.generator, device=labels.device)
    return step.retain.add(forget_weight, pushed.with_target(labels[chosen])).gradient

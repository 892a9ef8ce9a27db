"""Feature unlearning (Moon et al., AAAI 2024), for models with an encoder.

The direction z_e from the mean latent of the retain set to that of the forget set is taken for the
feature. A latent z drawn from the prior that lies further along z_e than the midpoint of the two means
is moved back to the midpoint, ẑ, and the decoder is taught to give there what the frozen original gives
at ẑ; for other latents, what the original gives at z.

The published text leaves open how the parts are weighed; here each part is L1 + (1 − SSIM), averaged over
its latents, and the part of the moved latents has the weight that the paper's code gives it, 3.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unlearning.gradients import Start, Step
from unlearning.images import CHUNK, as_float

MODELS = "generating"
PARAMETERS = {
    "forget_weight": {
        "type": "number",
        "minimum": 0,
        "description": "weight of the latents that show the feature, beside the others",
    }
}


@dataclass(frozen=True)
class Feature:
    """teacher: frozen original. direction: z_e, (D,), of length 1. midpoint: δ, the threshold of z·z_e."""

    teacher: nn.Module
    direction: Tensor
    midpoint: Tensor
    batch_size: int


@torch.no_grad()
def prepare(start: Start, forget_weight: float) -> Feature:
    """Find the feature in the latents of all training images."""
    means = []
    for images in (start.retain, start.forget):
        latents = torch.cat([start.teacher.posterior(as_float(chunk))[0] for chunk in images.split(CHUNK)])
        means.append(latents.mean(0))
    direction = F.normalize(means[1] - means[0], dim=0)
    return Feature(start.teacher, direction, (means[0] + means[1]) @ direction / 2, start.batch_size)


def direction(step: Step, forget_weight: float) -> Tensor:
    """Gradient of the mean distance where the feature is absent plus w times that where it is present."""
    feature = step.prepared
    latents = step.model.latents(feature.batch_size, step.generator)
    excess = (latents @ feature.direction - feature.midpoint).clamp_min(0)
    with torch.no_grad():
        wanted = feature.teacher.samples(latents - excess[:, None] * feature.direction)
    shows = excess > 0
    weights = torch.where(shows, forget_weight / shows.sum().clamp_min(1), 1 / (~shows).sum().clamp_min(1)).to(latents)
    return step.loss(lambda: weights @ distance(step.model.samples(latents), wanted)).gradient


def distance(first: Tensor, second: Tensor) -> Tensor:
    """L1 + (1 − SSIM) of each pair of images (B, C, H, W) in [0, 1]: (B,)."""
    from pytorch_msssim import ssim

    window = min(11, (min(first.shape[2:]) - 1) // 2 * 2 + 1)  # an odd number; 11 pixels where they fit
    similarity = ssim(first, second, data_range=1, win_size=window, size_average=False)
    return (first - second).abs().flatten(1).mean(1) + 1 - similarity

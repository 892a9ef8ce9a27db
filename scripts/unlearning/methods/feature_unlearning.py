"""Feature unlearning (Moon et al., AAAI 2024), for models with an encoder, as the released code of UNO runs it.

The vector z_e from the mean latent of the retain set to that of the forget set is taken for the feature.
A latent z drawn from the prior whose projection on z_e exceeds that of the midpoint of the two means, by e, is
moved to ẑ = z − e z_e, and the decoder is taught to give at z what the frozen original gives at ẑ; at other
latents, what the original gives at z. (z_e has not the length 1, so that ẑ is not the midpoint's projection.)

The distance of images is L1, summed over pixels; that of the moved latents has 1 − SSIM added, small beside it.
The teacher is the frozen original; there is no classifier.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unlearning.networks.images import CHUNK, as_float
from unlearning.training.step import Setup, Step

MODELS = "generating"
COUNTED_AFTER_UPDATE = True
PARAMETERS = {
    "forget_weight": {
        "type": "number",
        "minimum": 0,
        "description": "weight of a latent that shows the feature, beside one that does not; what to give for either "
        "comes from a frozen teacher, the original; no classifier",
    }
}


@dataclass(frozen=True)
class Feature:
    """teacher: frozen original. direction: z_e, (D,). midpoint: δ, beyond which a projection shows the feature."""

    teacher: nn.Module
    direction: Tensor
    midpoint: Tensor
    batch_size: int


@torch.no_grad()
def prepare(start: Setup, forget_weight: float) -> Feature:
    """Find the feature in the latents of all training images."""
    means = []
    for images in (start.retain, start.forget):
        latents = torch.cat([start.teacher.posterior(as_float(chunk))[0] for chunk in images.split(CHUNK)])
        means.append(latents.mean(0))
    direction = means[1] - means[0]
    midpoint = (means[0] + means[1]) @ F.normalize(direction, dim=0) / 2
    return Feature(start.teacher, direction, midpoint, start.batch_size)


def direction(step: Step, forget_weight: float) -> Tensor:
    """Gradient of the mean of L1 where the feature is absent and w (L1 + 1 − SSIM) where it is present."""
    from pytorch_msssim import ssim

    feature = step.prepared
    latents = step.model.latents(2 * feature.batch_size, step.generator)
    excess = (latents @ F.normalize(feature.direction, dim=0) - feature.midpoint).clamp_min(0)
    with torch.no_grad():
        wanted = feature.teacher.samples(latents - excess[:, None] * feature.direction)
    window = min(11, (min(wanted.shape[2:]) - 1) // 2 * 2 + 1)  # an odd number; 11 pixels where they fit

    def loss() -> Tensor:
        samples = step.model.samples(latents)
        absolute = (samples - wanted).abs().flatten(1).sum(1)
        similarity = ssim(samples, wanted, data_range=1, win_size=window, size_average=False)
        return torch.where(excess > 0, forget_weight * (absolute + 1 - similarity), absolute).mean()

    return step.loss(loss).gradient

r"""Feature unlearning, for models with an encoder: the decoder learns to give images without the feature.

The feature is the vector $z_e$ from the mean latent of the retain set to the mean latent of the forget set. δ is the
projection of the midpoint of the two means on $z_e / |z_e|$. Let $e(z)$ be the amount by which the projection of a
latent $z$, drawn from the prior, exceeds δ. If $e > 0$, the latent shows the feature, and the decoder $D$ learns to
give at $z$ what the frozen original $D_0$ gives at $\hat z$. At all other latents, the decoder learns to give what the
original gives at $z$.

$$\hat z = z - e(z)\, z_e, \qquad
\ell(z) = \begin{cases} w \left( |D(z) - D_0(\hat z)|_1 + 1 - \mathrm{SSIM} \right) & e(z) > 0 \\
|D(z) - D_0(z)|_1 & \text{otherwise} \end{cases}, \qquad d = \nabla\, \overline{\ell(z)}$$

$z_e$ does not have the length 1, so the projection of $\hat z$ is not δ. The distance of two images is L1, summed over
pixels. The term 1 − SSIM is small beside it. The teacher is the frozen original. There is no classifier.

**Source.** Moon et al., AAAI 2024, as the released code of UNO runs it (pinakm9/forget, vae_fu.py).

**Released code.** Here SSIM is taken image by image. The released code takes the mean SSIM of the whole batch, of the
latents without the feature too, and multiplies it by the share of latents that show the feature.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unlearning.networks.images import CHUNK, as_float
from unlearning.training.step import Setup, Step

TITLE = "Feature unlearning"
GROUP = "others"
MODELS = "generating"
MODEL_HAS = ["posterior"]
COUNTED_AFTER_UPDATE = True
PARAMETERS = {
    "forget_weight": {
        "type": "number",
        "minimum": 0,
        "description": "weight of the loss of latents that show the feature, beside the loss of the others; a frozen "
        "teacher, the original, gives the targets of both; there is no classifier",
    }
}


@dataclass(frozen=True)
class Feature:
    """What `direction` needs of the feature.

    Attributes:
        teacher: the frozen original.
        direction: z_e, (D,).
        midpoint: δ, a scalar; a latent with a larger projection shows the feature.
        batch_size: half the number of latents of a step.
    """

    teacher: nn.Module
    direction: Tensor
    midpoint: Tensor
    batch_size: int


@torch.no_grad()
def prepare(setup: Setup, forget_weight: float) -> Feature:
    """Find the feature in the latents of all training images."""
    means = []
    for images in (setup.retain, setup.forget):
        latents = torch.cat([setup.teacher.posterior(as_float(chunk))[0] for chunk in images.split(CHUNK)])
        means.append(latents.mean(0))
    direction = means[1] - means[0]
    midpoint = (means[0] + means[1]) @ F.normalize(direction, dim=0) / 2
    return Feature(setup.teacher, direction, midpoint, setup.batch_size)


def direction(step: Step, forget_weight: float) -> Tensor:
    """Gradient of the mean over latents of L1, and of w (L1 + 1 − SSIM) for latents that show the feature."""
    from pytorch_msssim import ssim

    feature = step.prepared
    latents = step.model.latents(2 * feature.batch_size, step.generator)
    excess = (latents @ F.normalize(feature.direction, dim=0) - feature.midpoint).clamp_min(0)
    with torch.no_grad():
        target = feature.teacher.samples(latents - excess[:, None] * feature.direction)
    window = min(11, (min(target.shape[2:]) - 1) // 2 * 2 + 1)  # odd; 11 pixels, or fewer in small images

    def loss() -> Tensor:
        samples = step.model.samples(latents)
        absolute = (samples - target).abs().flatten(1).sum(1)
        similarity = ssim(samples, target, data_range=1, win_size=window, size_average=False)
        return torch.where(excess > 0, forget_weight * (absolute + 1 - similarity), absolute).mean()

    return step.loss(loss).gradient

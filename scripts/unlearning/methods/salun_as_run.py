r"""SalUn for VAEs as the released code of the UNO paper runs it.

This surrogate differs from `salun` in what forget images are taught. The model decodes an image $x_f$ of the forget
batch and a random image $x_r$ of the retain batch, both with the same noise ε, and learns to give the same picture:

$$d = m \odot \nabla \left( \overline{ |D(\mu_f + \varepsilon \sigma_f) - D(\mu_r + \varepsilon \sigma_r)|^2 }
+ w\, L_r / \text{number of pixels} \right), \qquad |d| \le 5$$

with $L_r$ per image. $m$ is 1 for the half of the weights with the larger $|\nabla L_f|$, and 0 for the others. The
gradient on the salient weights is shortened to the norm 5. Both pictures are of the model in training: no teacher is
frozen, and neither picture is held fixed. So the pictures of retain images move towards those of forget images, too.
There is no classifier. An audit measured a cosine of .09 between the directions of the two surrogates.

**Source.** pinakm9/forget, commit f2a187c, mnist/vae_salun.py.

**Released code.** It keeps batch normalisation in eval mode, also for the samples that it counts; set
`batch_normalisation: frozen`. The columns as published count all rows' samples in train mode. The code finds the larger
half on the first 100 batches of the forget set, this file on all of them.
"""

import torch
from torch import Tensor

from unlearning.methods import salun
from unlearning.training.step import Setup, Step

TITLE = "SalUn, as run"
GROUP = "others"
MODELS = "generating"
MODEL_HAS = ["posterior"]
COUNTED_AFTER_UPDATE = True
PARAMETERS = {
    "retain_weight": {
        "type": "number",
        "minimum": 0,
        "description": "weight of the retain loss, per image and pixel, beside the squared difference of the pictures",
    }
}
LARGEST_NORM = 5.0


def prepare(setup: Setup, retain_weight: float) -> Tensor:
    """(P,) bool: the salient weights, which may change."""
    return salun.salient_weights(setup)


def movable(salient: Tensor) -> Tensor:
    """(P,) bool: the salient weights."""
    return salient


def direction(step: Step, retain_weight: float) -> Tensor:
    """The gradient of the loss on the salient weights, shortened to the norm 5; 0 on the others."""
    model, (forget, _), (retain, retain_noise) = step.model, step.forget.batch, step.retain.batch
    partners = torch.randperm(len(retain), generator=step.generator, device=retain.device)
    noise = model.loss_noise(len(forget), step.generator)

    def picture(images: Tensor) -> Tensor:
        mean, log_variance = model.posterior(images)
        return model.samples(mean + noise * torch.exp(log_variance / 2))

    def loss() -> Tensor:
        difference = (picture(forget) - picture(retain[partners])).square().mean()
        return difference + retain_weight * model.losses(retain, retain_noise).mean() / retain[0].numel()

    gradient = step.loss(loss).gradient * step.prepared
    return gradient * (LARGEST_NORM / gradient.norm()).clamp(max=1)

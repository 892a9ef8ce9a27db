r"""SalUn for models with an encoder and without labels: a surrogate.

SalUn teaches forget images a wrong label, and changes only the half of the weights with the larger $|\nabla L_f|$. A
VAE has no labels. The surrogate pairs each forget image $x_f$ with a random retain image $x_r$, and pulls the posterior
of $x_f$ towards the one that the frozen original has for $x_r$:

$$d = m \odot \nabla \left( L_r + w\, \mathrm{KL}\!\left( q_\theta(z|x_f) \,\|\, q_0(z|x_r) \right) \right)$$

$m$ is 1 for the salient weights and 0 for the others. The teacher is the frozen original. There is no classifier.

**Source.** Fan et al., ICLR 2024, for conditional models and classifiers.

**Released code.** The released code of the UNO paper has another surrogate, `salun_as_run`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unlearning.networks.generative import with_labels
from unlearning.networks.images import as_float
from unlearning.training.gradients import BatchLoss, reduce
from unlearning.training.step import Setup, Step

TITLE = "SalUn"
GROUP = "others"
MODELS = "generating"
MODEL_HAS = ["posterior"]
COUNTED_AFTER_UPDATE = True
PARAMETERS = {
    "forget_weight": {
        "type": "number",
        "minimum": 0,
        "description": "weight, beside the retain loss, of the divergence of the forget images' posteriors from those "
        "of a frozen teacher, the original; there is no classifier",
    }
}


@dataclass(frozen=True)
class Saliency:
    """What `direction` needs beside the step.

    Attributes:
        teacher: the frozen original.
        salient: (P,) bool, True for the weights that may change.
        retain: (N, C, H, W) uint8 images to pair forget images with.
        reduction: 'sum' or 'mean' over the images of a batch.
    """

    teacher: nn.Module
    salient: Tensor
    retain: Tensor
    reduction: str


def prepare(setup: Setup, forget_weight: float) -> Saliency:
    """Find the weights whose forget gradient, over the whole forget set, is above the median."""
    return Saliency(setup.teacher, salient_weights(setup), setup.retain, setup.reduction)


def salient_weights(setup: Setup) -> Tensor:
    """(P,) bool: True where |Σ ∇L_f|, summed over the forget set in eval mode, is above its median."""
    total = torch.zeros((), device=setup.forget.device)
    with setup.differentiable_teacher() as model:
        for start in range(0, len(setup.forget), setup.batch_size):
            chunk = slice(start, start + setup.batch_size)
            images, labels = setup.forget[chunk], setup.forget_labels
            noise = model.loss_noise(len(images), setup.generator)
            noise = with_labels(model, noise, None if labels is None else labels[chunk])
            total = total + BatchLoss(model, lambda i=images, n=noise: (as_float(i), n), "sum").gradient
    return total.abs() > total.abs().median()


def movable(saliency: Saliency) -> Tensor:
    """(P,) bool: the salient weights."""
    return saliency.salient


def direction(step: Step, forget_weight: float) -> Tensor:
    """∇(L_r + w KL(q_θ(z|x_f) ‖ q₀(z|x_r))) on the salient weights, 0 on the others."""
    saliency = step.prepared
    images, _ = step.forget.batch
    retain = saliency.retain
    partners = torch.randint(len(retain), (len(images),), generator=step.generator, device=retain.device)
    with torch.no_grad():
        target = saliency.teacher.posterior(as_float(retain[partners]))

    def divergence() -> Tensor:
        return reduce(gaussian_divergence(*step.model.posterior(images), *target), saliency.reduction)

    return saliency.salient * step.retain.add(forget_weight, step.loss(divergence)).gradient


def gaussian_divergence(mean: Tensor, log_variance: Tensor, other_mean: Tensor, other_log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) ‖ N(other mean, other variance)) in nats, over the last dimension."""
    difference = log_variance - other_log_variance
    scaled = (mean - other_mean).square() / other_log_variance.exp()
    return 0.5 * (difference.exp() + scaled - 1 - difference).sum(-1)

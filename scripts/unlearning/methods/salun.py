"""SalUn (Fan et al., ICLR 2024) for models with an encoder and without labels: a surrogate.

SalUn teaches forget images a wrong label, and changes only the weights with the larger half of |∇L_f|.
A VAE has no label; the surrogate pairs each forget image x_f with a random retain image x_r and draws its
posterior to the one that the frozen original has for x_r: L_r + w KL(q_θ(z|x_f) ‖ q₀(z|x_r)). The
teacher is the frozen original; there is no classifier.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unlearning.networks.images import as_float
from unlearning.training.gradients import BatchLoss
from unlearning.training.step import Setup, Step

MODELS = "generating"
COUNTED_AFTER_UPDATE = True
PARAMETERS = {
    "forget_weight": {
        "type": "number",
        "minimum": 0,
        "description": "weight of the forget images' divergence, beside the retain loss, from posteriors of a frozen "
        "teacher, the original; no classifier",
    }
}


@dataclass(frozen=True)
class Saliency:
    """teacher: frozen original. salient: (P,) 1 for weights that may change, else 0. retain: (N, C, H, W) uint8."""

    teacher: nn.Module
    salient: Tensor
    retain: Tensor
    reduction: str


def prepare(start: Setup, forget_weight: float) -> Saliency:
    """Find the weights whose forget gradient, over the whole forget set, is above the median."""
    model = start.teacher.requires_grad_(True)
    total = torch.zeros((), device=start.forget.device)
    for chunk in start.forget.split(start.batch_size):
        noise = model.loss_noise(len(chunk), start.generator)
        total = total + BatchLoss(model, lambda c=chunk, n=noise: (as_float(c), n), "sum").gradient
    model.requires_grad_(False)
    return Saliency(model, (total.abs() > total.abs().median()).float(), start.retain, start.reduction)


def direction(step: Step, forget_weight: float) -> Tensor:
    """m ⊙ ∇(L_r + w KL(q_θ(z|x_f) ‖ q₀(z|x_r))), m the salient weights."""
    saliency = step.prepared
    images, _ = step.forget.batch
    retain = saliency.retain
    partners = torch.randint(len(retain), (len(images),), generator=step.generator, device=retain.device)
    with torch.no_grad():
        wanted = saliency.teacher.posterior(as_float(retain[partners]))

    def divergence() -> Tensor:
        return getattr(gaussian_divergence(*step.model.posterior(images), *wanted), saliency.reduction)()

    return saliency.salient * step.retain.add(forget_weight, step.loss(divergence)).gradient


def gaussian_divergence(mean: Tensor, log_variance: Tensor, other_mean: Tensor, other_log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) ‖ N(other mean, other variance)) in nats, over the last dimension."""
    difference = log_variance - other_log_variance
    scaled = (mean - other_mean).square() / other_log_variance.exp()
    return 0.5 * (difference.exp() + scaled - 1 - difference).sum(-1)

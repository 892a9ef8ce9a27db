"""Losses of the unlearning loop."""

import math

import torch
from torch import Tensor, nn

from unlearning.networks.classifier import Classifier
from unlearning.networks.images import as_float
from unlearning.training.gradients import BatchLoss, Loss

TINY_SHARE = 1e-8  # of a forgotten class in the histogram that samples are to have


def batch_loss(model: nn.Module, images: Tensor, generator: torch.Generator, settings: dict) -> BatchLoss:
    """The loss on a batch drawn with replacement, at the moment it is first asked for."""

    def draw() -> tuple[Tensor, Tensor]:
        chosen = torch.randint(len(images), (settings["batch_size"],), generator=generator, device=images.device)
        return as_float(images[chosen]), model.loss_noise(settings["batch_size"], generator)

    return BatchLoss(model, draw, settings["loss_reduction"])


def histogram_loss(
    model: nn.Module, guide: Classifier, forgotten: Tensor, generator: torch.Generator, settings: dict
) -> Loss:
    """KL(p̄ ‖ q): p̄ the guide's mean softmax over a batch of samples, q uniform over the retained classes."""

    def divergence(latents: Tensor) -> Tensor:
        logs = guide(model.samples(latents)).log_softmax(1).logsumexp(0) - math.log(len(latents))
        wanted = torch.full_like(logs, 1 / (len(logs) - len(forgotten)))
        wanted[forgotten] = TINY_SHARE
        return (logs.exp() * (logs - wanted.log())).sum()

    return Loss(model, lambda: model.latents(settings["batch_size"], generator), divergence)

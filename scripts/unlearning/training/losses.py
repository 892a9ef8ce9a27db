"""Losses of the unlearning loop."""

import math

import torch
from torch import Tensor, nn

from unlearning.networks.classifier import Classifier
from unlearning.networks.generative import with_labels
from unlearning.networks.images import as_float
from unlearning.training.gradients import BatchLoss, Loss
from unlearning.training.settings import UnlearningSettings

TINY_SHARE = 1e-8  # target share of a forgotten class in the histogram: with 0 the divergence would be infinite


def batch_loss(
    model: nn.Module,
    images: Tensor,
    labels: Tensor | None,
    generator: torch.Generator,
    settings: UnlearningSettings,
) -> BatchLoss:
    """The model's loss on a batch, which is drawn with replacement when it is first needed.

    Args:
        model: the model, in the mode in which the loss is evaluated.
        images: (N, C, H, W) uint8 images to draw from.
        labels: (N,) their class numbers; only a model with labels needs them.
        generator: the generator of the batch and its noise.
        settings: size of the batch, and the reduction of the loss.

    Returns:
        The loss.
    """

    def draw() -> tuple[Tensor, Tensor]:
        indices = torch.randint(len(images), (settings.batch_size,), generator=generator, device=images.device)
        noise = model.loss_noise(settings.batch_size, generator)
        return as_float(images[indices]), noise if labels is None else with_labels(model, noise, labels[indices])

    return BatchLoss(model, draw, settings.loss_reduction)


def histogram_loss(
    model: nn.Module, guide: Classifier, forgotten: Tensor, generator: torch.Generator, batch_size: int
) -> Loss:
    """KL(p̄ ‖ q): p̄ is the guide's mean softmax over generated samples, q is uniform over the retained classes.

    Args:
        model: the model that generates the samples.
        guide: the classifier of the samples.
        forgotten: numbers (F,) of the forgotten classes; q is `TINY_SHARE` on each of them.
        generator: the generator of the latents.
        batch_size: number of samples.

    Returns:
        The loss; its latents are drawn when they are first needed.
    """

    def divergence(latents: Tensor) -> Tensor:
        log_shares = guide(model.samples(latents)).log_softmax(1).logsumexp(0) - math.log(len(latents))
        target = torch.full_like(log_shares, 1 / (len(log_shares) - len(forgotten)))
        target[forgotten] = TINY_SHARE
        return (log_shares.exp() * (log_shares - target.log())).sum()

    return Loss(model, lambda: model.latents(batch_size, generator), divergence)

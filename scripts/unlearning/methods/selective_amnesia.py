"""Selective Amnesia (Heng & Soh, NeurIPS 2023) for models with an encoder and without labels.

The original method, for conditional models, maps the forgotten label to uniform noise, replays generated
samples of the other labels, and holds the weights that matter to the original by elastic weight
consolidation. Without labels, an image of the forget set stands for the label: the model is to
reconstruct noise from it. Replayed are the original's samples that the guide takes for a retained class.

L = L(x_f → noise) + L(replay) + (λ/2) Σ F (θ − θ₀)², F the diagonal of the original's Fisher matrix. The
teacher is the frozen original, the guide a classifier that is not the judge.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unlearning.networks.generative import draw_samples
from unlearning.networks.images import as_float
from unlearning.training.gradients import BatchLoss
from unlearning.training.step import Setup, Step
from unlearning.training.vectors import flatten, trainable

NEEDS_GUIDE = True
MODELS = "generating"
PARAMETERS = {
    "elasticity_weight": {
        "type": "number",
        "minimum": 0,
        "description": "λ, the weight of elastic weight consolidation, which holds to those of a frozen teacher, the "
        "original",
    },
    "fisher_samples": {
        "type": "integer",
        "minimum": 1,
        "maximum": 1000000,
        "description": "samples of the frozen teacher from which its Fisher diagonal is estimated; which of its "
        "samples are replayed, the guide says, a classifier",
    },
}


@dataclass(frozen=True)
class Memory:
    """teacher: frozen original. point: θ₀, (P,). fisher: (P,), per image. guide, forgotten: say what to replay."""

    teacher: nn.Module
    point: Tensor
    fisher: Tensor
    guide: nn.Module
    forgotten: Tensor
    reduction: str


def prepare(start: Setup, elasticity_weight: float, fisher_samples: int) -> Memory:
    """Estimate the Fisher diagonal: the mean square of each weight's gradient, image by image, on samples."""
    model = start.teacher.requires_grad_(True)
    point = flatten([parameter.detach() for parameter in trainable(model)])
    samples = draw_samples(model, fisher_samples, start.generator)
    fisher = torch.zeros((), device=samples.device)
    for image in samples.split(1):
        noise = model.loss_noise(1, start.generator)
        fisher = fisher + BatchLoss(model, lambda i=image, n=noise: (as_float(i), n), "sum").gradient.square()
    model.requires_grad_(False)
    forgotten = torch.tensor(start.forgotten_classes, dtype=torch.long, device=samples.device)
    return Memory(model, point, fisher / fisher_samples, start.guide, forgotten, start.reduction)


def direction(step: Step, elasticity_weight: float, fisher_samples: int) -> Tensor:
    """∇L; the elastic term counts once per image, so that λ does not depend on the loss's reduction."""
    memory = step.prepared
    images, noise = step.forget.batch
    surrogate = torch.rand(images.shape, generator=step.generator, device=images.device)
    replay = as_float(draw_samples(memory.teacher, len(images), step.generator))
    kept = ~torch.isin(memory.guide(replay).argmax(1), memory.forgotten)
    replay_noise = step.model.loss_noise(len(images), step.generator)

    def corruption_and_replay() -> Tensor:
        losses = step.model.losses(images, noise, target=surrogate) + kept * step.model.losses(replay, replay_noise)
        return getattr(losses, memory.reduction)()

    count = len(images) if memory.reduction == "sum" else 1
    point = flatten([parameter.detach() for parameter in trainable(step.model)])
    elastic = elasticity_weight * count * memory.fisher * (point - memory.point)
    return step.loss(corruption_and_replay).gradient + elastic

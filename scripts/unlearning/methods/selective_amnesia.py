r"""Selective Amnesia for models with an encoder and without labels.

The original method is for conditional models. It maps the forgotten label to uniform noise, replays generated samples
of the other labels, and holds the weights that matter to the original by elastic weight consolidation. Without labels,
an image of the forget set takes the place of the label: the model learns to reconstruct noise from it. The replay
consists of the original's samples that the guide assigns to a retained class.

$$d = \nabla \left( L(x_f \to \text{noise}) + L(\text{replay})
+ \frac{\lambda}{2} \sum_i F_i\, (\theta_i - \theta_{0,i})^2 \right)$$

$F$ is the diagonal of the original's Fisher matrix. The teacher is the frozen original. The guide is a classifier other
than the judge.

**Source.** Heng & Soh, NeurIPS 2023.

**Released code.** clear-nus/selective-amnesia, folder vae, estimates $F$ from 50,000 samples, in train mode; this file
takes `fisher_samples` of them, in eval mode. The code takes 10,000 steps of Adam at the learning rate 1e-4. The
experiments of this project take the steps and the learning rate that all their rows share.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unlearning.networks.generative import draw_samples
from unlearning.networks.images import as_float
from unlearning.training.gradients import BatchLoss, reduce
from unlearning.training.step import Setup, Step
from unlearning.training.vectors import flatten, trainable

TITLE = "Selective Amnesia"
GROUP = "others"
NEEDS_GUIDE = True
MODELS = "generating"
MODEL_HAS = ["posterior"]
PARAMETERS = {
    "elasticity_weight": {
        "type": "number",
        "minimum": 0,
        "description": "λ, weight of elastic weight consolidation, which holds the parameters near those of a frozen "
        "teacher, the original",
    },
    "fisher_samples": {
        "type": "integer",
        "minimum": 1,
        "maximum": 1000000,
        "description": "samples of the frozen teacher that estimate its Fisher diagonal; the guide, a classifier, "
        "selects the samples that are replayed",
    },
}


@dataclass(frozen=True)
class Memory:
    """What `direction` needs beside the step.

    Attributes:
        teacher: the frozen original, which generates the replay.
        point: θ₀, (P,).
        fisher: F, (P,), per image.
        guide: the classifier of the replay.
        forgotten: class numbers (K,) that are not replayed.
        reduction: 'sum' or 'mean' over the images of a batch.
    """

    teacher: nn.Module
    point: Tensor
    fisher: Tensor
    guide: nn.Module
    forgotten: Tensor
    reduction: str


def prepare(setup: Setup, elasticity_weight: float, fisher_samples: int) -> Memory:
    """Estimate the Fisher diagonal: the mean square, over samples, of the gradient on one sample."""
    samples = draw_samples(setup.teacher, fisher_samples, setup.generator)
    fisher = torch.zeros((), device=samples.device)
    with setup.differentiable_teacher() as model:
        point = flatten([parameter.detach() for parameter in trainable(model)])
        for image in samples.split(1):
            noise = model.loss_noise(1, setup.generator)
            fisher = fisher + BatchLoss(model, lambda i=image, n=noise: (as_float(i), n), "sum").gradient.square()
    forgotten = torch.tensor(setup.forgotten_classes, dtype=torch.long, device=samples.device)
    return Memory(model, point, fisher / fisher_samples, setup.guide, forgotten, setup.reduction)


def direction(step: Step, elasticity_weight: float, fisher_samples: int) -> Tensor:
    """∇L. The elastic term counts once per image, so that λ does not depend on the reduction of the loss."""
    memory = step.prepared
    images, noise = step.forget.batch
    noise_target = torch.rand(images.shape, generator=step.generator, device=images.device)
    replay = as_float(draw_samples(memory.teacher, len(images), step.generator))
    is_retained = ~torch.isin(memory.guide(replay).argmax(1), memory.forgotten)
    replay_noise = step.model.loss_noise(len(images), step.generator)

    def corruption_and_replay() -> Tensor:
        corruption = step.model.losses(images, noise, target=noise_target)
        replayed = step.model.losses(replay, replay_noise)
        return reduce(corruption + is_retained.to(replayed.dtype) * replayed, memory.reduction)

    count = len(images) if memory.reduction == "sum" else 1
    point = flatten([parameter.detach() for parameter in trainable(step.model)])
    elastic = elasticity_weight * count * memory.fisher * (point - memory.point)
    return step.loss(corruption_and_replay).gradient + elastic

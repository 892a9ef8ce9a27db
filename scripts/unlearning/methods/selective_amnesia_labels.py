r"""Selective Amnesia for models with labels.

The label to forget is mapped to uniform noise. Generated samples of the other labels are replayed, and elastic weight
consolidation holds the weights that matter to the original.

$$d = \nabla \left( L(u, c_f) + L(\text{replay}, c_r) + \lambda \sum_i F_i\, (\theta_i - \theta_{0,i})^2 \right),
\qquad u \sim U[-1, 1]$$

The pixels of $u$ are uniform over all values that an image may have. $F$ is the diagonal of the original's Fisher
matrix, estimated from samples of the frozen teacher, the original, under all labels. The replay consists of its samples
under the retained labels. No label is dropped.

**Source.** Heng & Soh, NeurIPS 2023 (arXiv 2305.10120), with $\lambda = 10$ for DDPM.

**Released code.** clear-nus/selective-amnesia, folder ddpm, estimates $F$ over all time steps. This file takes one time
and one noise for each sample.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from unlearning.methods.salun_labels import retained_labels
from unlearning.networks.generative import decode, kept_labels, labels_of, with_labels
from unlearning.networks.images import as_float
from unlearning.training.gradients import BatchLoss, reduce
from unlearning.training.step import Setup, Step
from unlearning.training.vectors import flatten, trainable

TITLE = "Selective Amnesia"
GROUP = "others"
MODELS = "generating"
MODEL_HAS = ["label_embeddings"]
PARAMETERS = {
    "elasticity_weight": {
        "type": "number",
        "minimum": 0,
        "description": "λ, weight of elastic weight consolidation, which holds the parameters near the original's",
    },
    "fisher_samples": {
        "type": "integer",
        "minimum": 1,
        "maximum": 1000000,
        "description": "samples of the original, under all labels, that estimate its Fisher diagonal",
    },
    "replay_samples": {
        "type": "integer",
        "minimum": 1,
        "maximum": 1000000,
        "description": "samples of the original, under the retained labels, from which the replayed images are drawn",
    },
}


@dataclass(frozen=True)
class Memory:
    """What `direction` needs beside the step.

    Attributes:
        point: θ₀, (P,).
        fisher: F, (P,), per image.
        replay: (N, C, H, W) uint8 samples of the original.
        labels: (N,) their labels.
    """

    point: Tensor
    fisher: Tensor
    replay: Tensor
    labels: Tensor


def prepare(setup: Setup, elasticity_weight: float, fisher_samples: int, replay_samples: int) -> Memory:
    """Estimate the Fisher diagonal, the mean square of the gradient on one sample, and generate the replay."""
    generator, model = setup.generator, setup.teacher
    latents = model.latents(fisher_samples, generator)
    fisher = torch.zeros((), device=latents.device)
    with setup.differentiable_teacher():
        point = flatten(trainable(model)).detach()
        for image, label in zip(decode(model, latents).split(1), labels_of(latents).split(1), strict=True):
            batch = as_float(image), with_labels(model, model.loss_noise(1, generator), label)
            fisher = fisher + BatchLoss(model, lambda batch=batch: batch, "sum").gradient.square()
    retained = retained_labels(setup)
    labels = retained[torch.randint(len(retained), (replay_samples,), generator=generator, device=retained.device)]
    replay = decode(model, with_labels(model, model.latents(replay_samples, generator), labels))
    return Memory(point, fisher / fisher_samples, replay, labels)


def direction(step: Step, elasticity_weight: float, fisher_samples: int, replay_samples: int) -> Tensor:
    """∇L. The elastic term counts once per image, so that λ does not depend on the reduction of the loss."""
    memory, model, reduction = step.prepared, step.model, step.forget.reduction
    images, noise = step.forget.batch
    uniform = torch.rand(images.shape, generator=step.generator, device=images.device, dtype=images.dtype)
    drawn = torch.randint(len(memory.replay), (len(images),), generator=step.generator, device=images.device)
    replay, replay_noise = as_float(memory.replay[drawn]), model.loss_noise(len(images), step.generator)
    replay_noise = with_labels(model, replay_noise, memory.labels[drawn])

    def corruption_and_replay() -> Tensor:
        with kept_labels(model):
            return reduce(model.losses(uniform, noise) + model.losses(replay, replay_noise), reduction)

    count = len(images) if reduction == "sum" else 1
    moved = flatten(trainable(model)).detach() - memory.point
    return step.loss(corruption_and_replay).gradient + 2 * elasticity_weight * count * memory.fisher * moved

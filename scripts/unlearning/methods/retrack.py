r"""ReTrack: the noisy images of what is forgotten are led to retained images.

A noisy image $x_t = \gamma a + \sigma \epsilon$ of an image $a$ to forget might also have been made of a retained image
$x_k$, with the noise $v_k = (x_t - \gamma x_k) / \sigma$. The $K$ nearest retained images of $a$, by their pixels, are
the candidates:

$$d = \nabla \left( w \sum_k p_k \left| \epsilon_\theta(x_t) - v_k \right|^2 + (1 - w)\, L_r \right), \qquad
p = \mathrm{softmax}\!\left( -|v_k|^2 / 2 \right)$$

$p_k$ is the probability that $x_t$ was made of $x_k$. If all retained images are candidates, the first term is smallest
at $\sum_k p_k v_k$, the exact denoiser of the retained data. A model trained by flow matching compares velocities
$v_k - x_k$ instead, with the same $p$. The squares are means over the pixels. $x_t$ has the null label or the label to
forget. It is not dropped.

The method draws its forget images itself, because it knows their neighbours by their numbers.

**Source.** ReTrack, AISTATS 2026, with $K = 10$ and $w = 0.005$. The models there have no labels.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unlearning.methods.siss import asked_labels, gaussian_part
from unlearning.networks.generative import kept_labels, with_labels
from unlearning.networks.images import as_float
from unlearning.training.gradients import reduce
from unlearning.training.step import Setup, Step

TITLE = "ReTrack"
GROUP = "others"
MODELS = "generating"
MODEL_HAS = ["label_embeddings", "predictions"]
LABELS = ["label"]
PARAMETERS = {
    "label": {
        "enum": ["null_label", "forgotten_label"],
        "description": "the label that the noisy images have: the null label, or that of the image to forget",
    },
    "neighbours": {
        "type": "integer",
        "minimum": 1,
        "maximum": 1000000,
        "description": "K, retained images to which a noisy image may be led; at most all of them",
    },
    "redirect_weight": {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "description": "w, weight of leading noisy images to neighbours; the retain loss has the rest of the weight",
    },
}


@dataclass(frozen=True)
class Neighbours:
    """What `direction` needs beside the step.

    Attributes:
        forget: (M, C, H, W) uint8 images to forget.
        labels: (M,) their labels.
        retain: (N, C, H, W) uint8 images to keep.
        nearest: (M, K) numbers of the nearest images of `retain`.
    """

    forget: Tensor
    labels: Tensor
    retain: Tensor
    nearest: Tensor


def prepare(setup: Setup, label: str, neighbours: int, redirect_weight: float) -> Neighbours:
    """Find the nearest retained images of each image to forget."""
    retain, count = as_float(setup.retain).flatten(1), min(neighbours, len(setup.retain))
    nearest = [
        torch.cdist(as_float(chunk).flatten(1), retain).topk(count, largest=False).indices
        for chunk in setup.forget.split(setup.batch_size)
    ]
    return Neighbours(setup.forget, setup.forget_labels, setup.retain, torch.cat(nearest))


def direction(step: Step, label: str, neighbours: int, redirect_weight: float) -> Tensor:
    """∇(w Σ p_k |ε_θ(x_t) − v_k|² + (1 − w) L_r)."""
    near, model, count = step.prepared, step.model, len(step.forget.batch[0])
    drawn = torch.randint(len(near.forget), (count,), generator=step.generator, device=near.forget.device)
    noise = with_labels(model, model.loss_noise(count, step.generator), near.labels[drawn])
    noise = with_labels(model, noise, asked_labels(model, noise, label))
    images, candidates = as_float(near.forget[drawn]), as_float(near.retain[near.nearest[drawn]])
    led = step.loss(lambda: reduce(redirection(model, images, noise, candidates), step.forget.reduction))
    return redirect_weight * led.gradient + (1 - redirect_weight) * step.retain.gradient


def redirection(model: nn.Module, images: Tensor, noise: Tensor, candidates: Tensor) -> Tensor:
    """Σ p_k |ε_θ(x_t) − v_k|², (B,), a mean over the pixels, with its graph.

    Args:
        model: the model.
        images: (B, C, H, W) images to forget.
        noise: (B, ...), which makes x_t of them.
        candidates: (B, K, C, H, W) retained images.

    Returns:
        (B,).
    """
    with kept_labels(model):
        prediction = model.predictions(images, noise)
    pairs = [(each, model.noise_between(images, noise, each)) for each in candidates.unbind(1)]
    errors = [(prediction - model.targets(*pair)).square().flatten(1).mean(1) for pair in pairs]
    scores = [-gaussian_part(images, explaining).square().sum(1) / 2 for _, explaining in pairs]
    return (torch.stack(scores, 1).softmax(1) * torch.stack(errors, 1)).sum(1)

r"""SISS: subtraction of the forget loss, with both losses from one forward pass by importance sampling.

A retained image $x$ and an image $a$ to forget share noise $\epsilon$ and time. One noisy image $m$ stands for both:

$$m = \begin{cases} \gamma x + \sigma \epsilon & \text{with probability } 1 - \lambda \\
\gamma a + \sigma \epsilon & \text{otherwise} \end{cases} \qquad
w_x = \frac{1}{(1 - \lambda) + \lambda e^{D_x - D_a}}, \quad w_a = \frac{1}{(1 - \lambda) e^{D_a - D_x} + \lambda}$$

with $e_x = (m - \gamma x) / \sigma$ and $D_x = |e_x|^2 / 2$, and likewise for $a$. With the gradients $g_x$ of
$w_x |\epsilon_\theta(m) - e_x|^2$ and $g_a$ of $w_a |\epsilon_\theta(m) - e_a|^2$,

$$d = g_x - \kappa\, g_a / |g_a|, \quad \text{shortened to norm 1.}$$

*DDPM*: $\gamma = \sqrt{\bar\alpha_t}$, $\sigma = \sqrt{1 - \bar\alpha_t}$.

*Flow matching*: $\gamma = 1 - t$, $\sigma = t$. The weights are ratios of densities: $m$ has the density
$q = (1 - \lambda) q_x + \lambda q_a$, where $q_x$ is normal with mean $\gamma x$ and variance $\sigma^2$. So
$w_x = q_x / q$, and $E_q[w_x f(m)] = E_{q_x}[f(m)]$ for every $f$, also for the square error of the velocity
$v_\theta(m)$ from $e_x - x$, the velocity that leads from $x$ to $m$.

The squares are means over the pixels, as in the model's own loss. $m$ has one label, because the network sees it once:
the null label, or the label to forget. It is not dropped.

**Source.** SISS, ICLR 2025 (*Data Unlearning in Diffusion Models*), with $\lambda = 1/2$ and $\kappa = 5$ on MNIST; it
advises a $\kappa$ of a tenth of $|g_x|$. The models there have no labels. What is forgotten is not among the retained
images, as it is here.

**Released code.** It has no licence, and this file follows the paper alone. AdamW with (0.95, 0.999) and the learning
rate 5e-5 takes 300 steps on batches of 64.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from unlearning.networks.generative import kept_labels, labels_of, null_label, with_labels
from unlearning.training.gradients import reduce
from unlearning.training.step import Step

TITLE = "SISS"
GROUP = "ascent"
MODELS = "generating"
MODEL_HAS = ["label_embeddings", "predictions"]
LABELS = ["label"]
PARAMETERS = {
    "label": {
        "enum": ["null_label", "forgotten_label"],
        "description": "the label that the noisy images have: the null label, or that of the image to forget",
    },
    "mixture": {
        "type": "number",
        "exclusiveMinimum": 0,
        "exclusiveMaximum": 1,
        "description": "λ, share of the noisy images that are made of images to forget",
    },
    "forget_scale": {
        "type": "number",
        "minimum": 0,
        "description": "κ, length of the forget gradient that is subtracted",
    },
}
CLIP = 1.0  # longest direction


def direction(step: Step, label: str, mixture: float, forget_scale: float) -> Tensor:
    """g_x − κ g_a / |g_a|, shortened to norm 1."""
    model = step.model
    (retained, noise), (forgotten, forget_noise) = step.retain.batch, step.forget.batch
    noise = with_labels(model, noise, asked_labels(model, forget_noise, label))
    of_forgotten = torch.rand(len(retained), generator=step.generator, device=retained.device) < mixture
    images = torch.where(of_forgotten[:, None, None, None], forgotten, retained)
    losses = mixture_losses(model, images, noise, (retained, forgotten), mixture)
    g_x, g_a = (step.loss(lambda each=each: reduce(each, step.retain.reduction)).gradient for each in losses)
    d = g_x - forget_scale * normalize(g_a, dim=0)
    return d * (CLIP / d.norm()).clamp(max=1)


def asked_labels(model: nn.Module, forget_noise: Tensor, label: str) -> Tensor:
    """The labels (B,) of a forget batch with noise (B, ...), or as many null labels if `label` is 'null_label'."""
    labels = labels_of(forget_noise)
    return torch.full_like(labels, null_label(model)) if label == "null_label" else labels


def mixture_losses(
    model: nn.Module, images: Tensor, noise: Tensor, pair: tuple[Tensor, Tensor], mixture: float
) -> tuple[Tensor, Tensor]:
    """The weighted square errors w_x |ε_θ(m) − e_x|² and w_a |ε_θ(m) − e_a|² of one prediction, each (B,).

    Args:
        model: the model.
        images: (B, C, H, W) those of x or of a of which m is made.
        noise: (B, ...), which makes m of `images`.
        pair: the retained images x and the images to forget a, each (B, C, H, W).
        mixture: λ.

    Returns:
        The errors from x and from a, with their graph.
    """
    with kept_labels(model):
        prediction = model.predictions(images, noise)
    noises = [model.noise_between(images, noise, each) for each in pair]
    errors = [
        (prediction - model.targets(*each)).square().flatten(1).mean(1) for each in zip(pair, noises, strict=True)
    ]
    d_x, d_a = (gaussian_part(images, each).square().sum(1) / 2 for each in noises)
    w_x = 1 / ((1 - mixture) + mixture * torch.exp(d_x - d_a))
    w_a = 1 / ((1 - mixture) * torch.exp(d_a - d_x) + mixture)
    return w_x * errors[0], w_a * errors[1]


def gaussian_part(images: Tensor, noise: Tensor) -> Tensor:
    """ε, (B, C·H·W), of noise (B, ...) for images (B, C, H, W)."""
    return noise[:, : images[0].numel()]

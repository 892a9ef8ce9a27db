"""The loss of each real image over draws of noise that are common to all models, and how many draws are enough.

The draws depend on the group and the place of an image in the group alone. All methods, retrained models and seeds get
the same draws. Models of the same weights therefore have the same losses, and a part of the Monte Carlo error cancels
in a difference of two models.

The noise of a model with an encoder is standard normal. Its draws are scrambled points of a Sobol sequence (Owen 1995),
moved for each image by a random shift modulo 1, and mapped by the inverse normal distribution function. Each draw has
the normal distribution, so that a mean over the draws has no bias. The points fill the space more evenly than
independent draws, and the error of the mean is smaller (Buchholz, Wenzel & Mandt 2018).
"""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.quasirandom import SobolEngine

from unlearning.config.experiment import bound_of
from unlearning.networks.generative import with_labels
from unlearning.networks.images import CHUNK, as_float
from unlearning.runtime.seeding import stream, stream_seed


@torch.no_grad()
def group_losses(
    model: nn.Module, images: Tensor, group: str, draws: int, bound: str, labels: Tensor | None = None
) -> np.ndarray:
    """The loss of each image of one group, over K draws of noise.

    The loss is the mean of the model's losses, or the negative of the importance-weighted bound on log p(x). This bound
    is log (1/K) Σₖ wₖ with wₖ = p(x|zₖ) p(zₖ) / q(zₖ|x) (Burda, Grosse & Salakhutdinov 2016, equation 8). For K = 1,
    its expectation is the ELBO.

    Args:
        model: in eval mode. For the bound, the model needs an encoder.
        images: (n, C, H, W) uint8, the images of the group.
        group: name of the group.
        draws: K. Every model gets the same draws.
        bound: 'elbo' for the mean, or 'importance_weighted'.
        labels: (n,) class numbers of the images; only a model with labels needs them.

    Returns:
        (n,), in nats for a VAE.
    """
    if len(images) == 0:  # not every model can take an empty batch
        return np.zeros(0)
    weighted = bound == "importance_weighted"
    total = torch.full((len(images),), -math.inf if weighted else 0.0, dtype=torch.float64, device=images.device)
    of_draw = log_weights if weighted else type(model).losses
    for noise in common_noise(model, len(images), draws, f"losses {group}"):
        noise = noise.to(images.device) if labels is None else with_labels(model, noise.to(images.device), labels)
        chunks = zip(images.split(CHUNK), noise.split(CHUNK), strict=True)
        values = torch.cat([of_draw(model, as_float(chunk), part) for chunk, part in chunks])
        total = total.logaddexp(values) if weighted else total + values
    return (math.log(draws) - total if weighted else total / draws).cpu().numpy()


def common_noise(model: nn.Module, count: int, draws: int, purpose: str) -> Iterator[Tensor]:
    """Draw the noise of losses, on the CPU, so that the noise is the same on every device.

    Args:
        model: any model; models with the same shape of noise get the same noise.
        count: number n of images.
        draws: number of draws.
        purpose: of the random stream.

    Yields:
        Noise (n, ...) for `model.losses`, once for each draw.
    """
    generator = stream(0, purpose)
    if not hasattr(model, "posterior"):
        for _ in range(draws):
            yield model.loss_noise(count, generator)
        return
    dimensions = model.loss_noise(1, stream(0, purpose)).shape[1]
    points = SobolEngine(dimensions, scramble=True, seed=stream_seed(0, purpose)).draw(draws, dtype=torch.float64)
    shift = torch.rand(count, dimensions, dtype=torch.float64, generator=generator)
    for point in points:
        uniform = (point + shift) % 1
        yield torch.special.ndtri(uniform.clamp(min=torch.finfo(torch.float64).tiny)).float()


def log_weights(model: nn.Module, images: Tensor, noise: Tensor) -> Tensor:
    """Compute log p(x|z) + log p(z) − log q(z|x) at one draw z of the posterior q.

    The model's loss is −log p(x|z) + KL(q(z|x) ‖ p(z)), so that the model itself gives log p(x|z).

    Args:
        model: a VAE: a model with `posterior`, whose `losses` take z = mean + noise × deviation.
        images: (B, C, H, W) in [0, 1].
        noise: (B, D).

    Returns:
        (B,) in nats, float64.
    """
    mean, log_variance = (part.double() for part in model.posterior(images))
    latents = mean + noise * torch.exp(log_variance / 2)
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
    log_ratio = 0.5 * (noise.double().square() + log_variance - latents.square()).sum(1)  # log p(z) − log q(z|x)
    return kl - model.losses(images, noise) + log_ratio


def enough_draws(
    models: list[nn.Module], images: Tensor, settings: dict, labels: Tensor | None = None
) -> tuple[int, float | None]:
    """Find out how many draws make the Monte Carlo variance a small share of the variance between retrained models.

    The number of draws doubles until the share is small enough, or until the number reaches its limit.

    Args:
        models: retrained models of several seeds, in eval mode.
        images: (n, C, H, W) uint8, which no model was trained on.
        settings: the keys of `evaluation` that start with 'elbo_'. `elbo_draws` is the smallest number of draws,
            `elbo_most_draws` the largest, and `elbo_noise_share` the share.
        labels: (n,) class numbers of the images; only models with labels need them.

    Returns:
        The number of draws, and the share that `noise_share` measured with it. Without a share in the settings, with
        one model or without images: `elbo_draws` and None.
    """
    draws, bound = settings["elbo_draws"], bound_of(settings)
    if "elbo_noise_share" not in settings or len(models) < 2 or len(images) == 0:
        return draws, None
    while True:
        first, second = (
            np.stack([group_losses(model, images, half, draws, bound, labels) for model in models])
            for half in ("pilot first", "pilot second")
        )
        share = noise_share(first, second)
        if share <= settings["elbo_noise_share"] or draws >= settings["elbo_most_draws"]:
            return draws, share
        draws = min(2 * draws, settings["elbo_most_draws"])


def noise_share(first: np.ndarray, second: np.ndarray) -> float:
    """The Monte Carlo variance as a share of the measured variance between models, mean over images.

    Both variances are of the losses of one image by different models. The error that the models have in common counts
    in neither of them.

    Args:
        first: losses (K, n) of n images by K models, with the same draws of noise for all models.
        second: the same with independent draws.

    Returns:
        The share. It is around 1 where the models do not differ.
    """
    noise = (first - second).var(axis=0, ddof=1).mean() / 2
    return float(noise / np.stack([first, second]).var(axis=1, ddof=1).mean())

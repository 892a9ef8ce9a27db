"""Variational autoencoder with one hidden layer on each side (Kingma & Welling 2014).

The architecture is that of the UNO paper's MNIST experiment (Mandal & Gottwald 2025): linear layers, batch
normalisation, ReLU, Bernoulli pixels.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PARAMETERS = {
    "hidden_units": {"type": "integer", "minimum": 1, "maximum": 100000, "description": "width of the hidden layers"},
    "latent_dimensions": {
        "type": "integer",
        "minimum": 1,
        "maximum": 100000,
        "description": "dimensions of the latent space",
    },
}


class Model(nn.Module):
    """VAE on images (C, H, W) in [0, 1] with a standard normal prior.

    Args:
        image_shape: (C, H, W).
        hidden_units: width of the hidden layers.
        latent_dimensions: dimensions of the latent space.
    """

    def __init__(self, image_shape: list[int], hidden_units: int, latent_dimensions: int):
        super().__init__()
        pixels = math.prod(image_shape)
        self.latent_dimensions = latent_dimensions
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, hidden_units), nn.BatchNorm1d(hidden_units), nn.ReLU()
        )
        self.mean = nn.Linear(hidden_units, latent_dimensions)
        self.log_variance = nn.Linear(hidden_units, latent_dimensions)
        self.decoder = nn.Sequential(
            nn.Linear(latent_dimensions, hidden_units),
            nn.BatchNorm1d(hidden_units),
            nn.ReLU(),
            nn.Linear(hidden_units, pixels),
            nn.Unflatten(1, tuple(image_shape)),
        )

    def latents(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw (count, latent_dimensions) from the prior."""
        return torch.randn(count, self.latent_dimensions, generator=generator, device=generator.device)

    loss_noise = latents

    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the latents, each (B, latent_dimensions)."""
        features = self.encoder(images)
        return self.mean(features), self.log_variance(features)

    def losses(self, images: Tensor, noise: Tensor, target: Tensor | None = None) -> Tensor:
        """Compute the negative ELBO of each image: −log p(x|z) at one draw z of the posterior, plus KL(q(z|x) ‖ p(z)).

        Args:
            images: (B, C, H, W) in [0, 1].
            noise: (B, latent_dimensions), from `loss_noise`.
            target: (B, C, H, W) in [0, 1]: what to reconstruct instead of the images.

        Returns:
            (B,) in nats.
        """
        mean, log_variance = self.posterior(images)
        logits = self.decoder(mean + noise * torch.exp(log_variance / 2))
        target = images if target is None else target
        reconstruction = F.binary_cross_entropy_with_logits(logits, target, reduction="none").flatten(1).sum(1)
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
        return reconstruction + kl

    def samples(self, latents: Tensor) -> Tensor:
        """Means (B, C, H, W) in [0, 1] of the pixels for latents (B, latent_dimensions)."""
        return torch.sigmoid(self.decoder(latents))

"""Convolutional variational autoencoder, the architecture of the UNO paper's CelebA experiment.

Source: Mandal & Gottwald 2025, arXiv 2506.04712, and the released code where the paper says nothing. The encoder has
convolutions of 4×4 pixels and stride 2 with batch normalisation and LeakyReLU. The decoder mirrors them, and ends in a
convolution of 3×3 pixels and tanh. The released code compares the output of tanh with pixels in [0, 1]. Here, the
pixels are in [−1, 1], as the paper says. The paper's loss, the sum of squared errors plus KL, is the negative ELBO of a
Gaussian likelihood with standard deviation √½, up to a constant.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from unlearning.networks.batch_norm import BatchNorm2d

PARAMETERS = {
    "channels": {
        "type": "array",
        "minItems": 1,
        "maxItems": 10,
        "items": {"type": "integer", "minimum": 1, "maximum": 10000},
        "description": "channels of each convolution in the encoder, which halves the image; the decoder mirrors them",
    },
    "latent_dimensions": {
        "type": "integer",
        "minimum": 1,
        "maximum": 100000,
        "description": "dimensions of the latent space",
    },
    "pixel_deviation": {
        "type": "number",
        "exclusiveMinimum": 0,
        "description": "standard deviation of the Gaussian likelihood, for pixels in [-1, 1]",
    },
}
CONSTRAINTS = ["image_can_be_halved_per_channel"]


class Model(nn.Module):
    """VAE on images (C, H, W) in [0, 1], which it scales to [−1, 1], with a standard normal prior.

    Args:
        image_shape: (C, H, W).
        channels: number of output channels of each convolution of the encoder.
        latent_dimensions: dimensions of the latent space.
        pixel_deviation: standard deviation of the Gaussian likelihood, for pixels in [−1, 1].
    """

    def __init__(self, image_shape: list[int], channels: list[int], latent_dimensions: int, pixel_deviation: float):
        super().__init__()
        self.latent_dimensions, self.pixel_deviation = latent_dimensions, pixel_deviation
        inner = [channels[-1], *(side // 2 ** len(channels) for side in image_shape[1:])]
        self.encoder = nn.Sequential(
            *(_block(nn.Conv2d, inputs, outputs) for inputs, outputs in pairwise([image_shape[0], *channels])),
            nn.Flatten(),
        )
        self.mean = nn.Linear(math.prod(inner), latent_dimensions)
        self.log_variance = nn.Linear(math.prod(inner), latent_dimensions)
        self.decoder = nn.Sequential(
            nn.Linear(latent_dimensions, math.prod(inner)),
            nn.Unflatten(1, tuple(inner)),
            *(
                _block(nn.ConvTranspose2d, inputs, outputs)
                for inputs, outputs in pairwise([*channels[::-1], channels[0]])
            ),
            nn.Conv2d(channels[0], image_shape[0], kernel_size=3, padding=1),
            nn.Tanh(),
        )

    def latents(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw (count, latent_dimensions) from the prior."""
        return torch.randn(count, self.latent_dimensions, generator=generator, device=generator.device)

    loss_noise = latents

    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the latents, each (B, latent_dimensions)."""
        features = self.encoder(2 * images - 1)
        return self.mean(features), self.log_variance(features)

    def losses(self, images: Tensor, noise: Tensor, target: Tensor | None = None) -> Tensor:
        """Compute the negative ELBO of each image: −log p(x|z) at one draw z of the posterior, plus KL(q(z|x) ‖ p(z)).

        p(x|z) is a density of pixels in [−1, 1]. A loss may therefore be negative.

        Args:
            images: (B, C, H, W) in [0, 1].
            noise: (B, latent_dimensions), from `loss_noise`.
            target: (B, C, H, W) in [0, 1]: what to reconstruct instead of the images.

        Returns:
            (B,) in nats.
        """
        mean, log_variance = self.posterior(images)
        decoded = self.decoder(mean + noise * torch.exp(log_variance / 2))
        target = 2 * (images if target is None else target) - 1
        squares = ((target - decoded) / self.pixel_deviation).square().flatten(1)
        constant = math.log(2 * math.pi * self.pixel_deviation**2) / 2
        reconstruction = squares.sum(1) / 2 + squares.shape[1] * constant
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
        return reconstruction + kl

    def samples(self, latents: Tensor) -> Tensor:
        """Means (B, C, H, W) in [0, 1] of the pixels for latents (B, latent_dimensions)."""
        return (self.decoder(latents) + 1) / 2


def _block(convolution: type[nn.Module], inputs: int, outputs: int) -> nn.Sequential:
    """Build a block that halves the sides of an image or, with a transposed convolution, doubles them."""
    return nn.Sequential(
        convolution(inputs, outputs, kernel_size=4, stride=2, padding=1), BatchNorm2d(outputs), nn.LeakyReLU()
    )

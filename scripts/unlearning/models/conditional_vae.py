"""Variational autoencoder with class labels, as in the MNIST experiment of Selective Amnesia (Heng & Soh 2023).

Encoder and decoder get the label as a one-hot vector beside the image or the latent. The layers of the released code
are 784 + K – 512 – 256 – 8 and back, with ReLU and Bernoulli pixels, and without batch normalisation.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PARAMETERS = {
    "classes": {"type": "integer", "minimum": 2, "maximum": 100000, "description": "labels"},
    "hidden_units": {
        "type": "array",
        "minItems": 1,
        "maxItems": 10,
        "items": {"type": "integer", "minimum": 1, "maximum": 100000},
        "description": "width of each hidden layer of the encoder; the decoder has them in reverse order",
    },
    "latent_dimensions": {
        "type": "integer",
        "minimum": 1,
        "maximum": 100000,
        "description": "dimensions of the latent space",
    },
    "label_dropout": {
        "type": "number",
        "minimum": 0,
        "exclusiveMaximum": 1,
        "description": "share of the labels that become the null label in training; 0 in the released code",
    },
}


class Model(nn.Module):
    """VAE on images (C, H, W) in [0, 1], for labels 0 … classes − 1 and the null label `classes`.

    The noise of a loss is (B, latent_dimensions + 2): normal noise, a uniform number for the dropout of the label, the
    label. The latents of a sample are (B, latent_dimensions + 1): a draw from the prior, and the label.

    Args:
        image_shape: (C, H, W).
        classes: number of labels.
        hidden_units: width of each hidden layer of the encoder.
        latent_dimensions: dimensions of the latent space.
        label_dropout: share of the labels that become the null label in train mode.
    """

    def __init__(
        self,
        image_shape: list[int],
        *,
        classes: int,
        hidden_units: list[int],
        latent_dimensions: int,
        label_dropout: float,
    ):
        super().__init__()
        self.image_shape, self.classes = image_shape, classes
        self.latent_dimensions, self.label_dropout = latent_dimensions, label_dropout
        pixels = math.prod(image_shape)
        # Parameters, and not constants, because methods map labels to each other. The null label is 0 in each place.
        self.labels = nn.Parameter(torch.eye(classes + 1, classes))
        self.encoder = layers(pixels + classes, hidden_units, 2 * latent_dimensions)
        self.decoder = layers(latent_dimensions + classes, hidden_units[::-1], pixels)

    def label_embeddings(self) -> nn.Parameter:
        """What the networks get for a label, (classes + 1, classes); the last row is the null label's."""
        return self.labels

    def latents(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw from the prior, and labels, each as often as any other, (count, latent_dimensions + 1)."""
        normal = torch.randn(count, self.latent_dimensions, generator=generator, device=generator.device)
        labels = torch.randint(self.classes, (count, 1), generator=generator, device=generator.device)
        return torch.cat([normal, labels.to(normal)], 1)

    def loss_noise(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw normal noise and uniform numbers, and the null label, (count, latent_dimensions + 2)."""
        device = generator.device
        normal = torch.randn(count, self.latent_dimensions, generator=generator, device=device)
        uniform = torch.rand(count, 1, generator=generator, device=device)
        return torch.cat([normal, uniform, torch.full((count, 1), float(self.classes), device=device)], 1)

    def losses(self, images: Tensor, noise: Tensor, target: Tensor | None = None) -> Tensor:
        """The negative conditional ELBO of each image: −log p(x|z, c) at one draw z, plus KL(q(z|x, c) ‖ p(z)).

        Args:
            images: (B, C, H, W) in [0, 1].
            noise: (B, latent_dimensions + 2), from `loss_noise`.
            target: (B, C, H, W) in [0, 1]: what to reconstruct instead of the images.

        Returns:
            (B,) in nats.
        """
        labels = noise[:, -1].long()
        if self.training:
            labels = torch.where(noise[:, -2] < self.label_dropout, self.classes, labels)
        known = F.embedding(labels, self.labels)
        mean, log_variance = self.encoder(torch.cat([images.flatten(1), known], 1)).chunk(2, 1)
        latents = mean + noise[:, :-2] * torch.exp(log_variance / 2)
        logits = self.decoder(torch.cat([latents, known], 1))
        target = (images if target is None else target).flatten(1)
        reconstruction = F.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(1)
        return reconstruction + 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)

    def samples(self, latents: Tensor) -> Tensor:
        """Means (B, C, H, W) in [0, 1] of the pixels for latents (B, latent_dimensions + 1)."""
        known = F.embedding(latents[:, -1].long(), self.labels)
        return torch.sigmoid(self.decoder(torch.cat([latents[:, :-1], known], 1))).unflatten(1, self.image_shape)


def layers(inputs: int, hidden_units: list[int], outputs: int) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    linear = [nn.Linear(*pair) for pair in pairwise([inputs, *hidden_units, outputs])]
    return nn.Sequential(*[part for layer in linear for part in (layer, nn.ReLU())][:-1])

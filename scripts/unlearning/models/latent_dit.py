"""Diffusion transformer on the latents of a frozen autoencoder (DiT, Peebles & Xie 2023).

The network is that of the model `dit`, with latents z in place of pixels, so that the published weights of
facebookresearch/DiT load under their own names. A picture of 256×256 pixels has 4×32×32 latents, see
`unlearning.networks.autoencoder`. Samples are decoded: to everything else, this is a model of pictures.

A loss takes pictures or latents. Pictures are encoded at each call. A step of the workflow encodes a data set once, and
training and unlearning read these latents, on the scale of pictures: (z + 1) / 2.

Two things differ from `dit`. Estimates of the latents are not cut to [−1, 1] while sampling, for latents exceed it. And
guidance acts on all channels, as in the UNO paper's code; facebookresearch/DiT guides three of the four. The variances
that published weights predict are not used: their part of the published loss is left out.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from unlearning.models import dit
from unlearning.networks.autoencoder import PART, Autoencoder
from unlearning.networks.denoising import Predict

PARAMETERS = {
    **dit.PARAMETERS,
    "patch": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "side of a patch in latents"},
    "sampler": {
        "enum": ["euler", "heun", "ddim"],
        "description": "Euler or Heun for 'flow', DDIM without a cut for 'ddpm'",
    },
    "precision": {
        "enum": ["float32", "bfloat16"],
        "description": "precision of the transformer's products, in losses and samples; weights are in float32",
    },
    "autoencoder": {
        "type": "object",
        "additionalProperties": False,
        "required": ["source", "file", "sha256", "config_sha256"],
        "properties": {
            "source": {
                "type": "string",
                "minLength": 1,
                "description": "a local folder, or a name on the Hugging Face hub",
            },
            "file": {
                "enum": ["diffusion_pytorch_model.safetensors"],
                "description": "the file of weights in this folder, with config.json beside it",
            },
            "sha256": {
                "type": ["string", "null"],
                "pattern": "^[0-9a-f]{64}$",
                "description": "SHA-256 of that file; null stands for one that is not known yet, and is refused",
            },
            "config_sha256": {
                "type": "string",
                "pattern": "^[0-9a-f]{64}$",
                "description": "SHA-256 of the file config.json beside the weights, which describes the network",
            },
        },
        "description": "the frozen autoencoder: published weights of an `AutoencoderKL`, such as "
        "stabilityai/sd-vae-ft-mse",
    },
}
CONSTRAINTS = ["heads_divide_width", "latent_patches_tile_image", "sampler_fits_objective", "guidance_has_null_label"]
PARTS = ("labels", "attention", "modulation")
KEY = "model.latent_dit.autoencoder"


class Model(dit.Model):
    """Diffusion transformer on latents (c, h, w) of pictures (C, H, W) in [0, 1], with the noise and labels of `dit`.

    `images` are pictures (B, C, H, W) in [0, 1], or what `Autoencoder.encode` makes of them, (B, c, h, w).

    Args:
        image_shape: (C, H, W).
        precision: 'float32' or 'bfloat16'.
        autoencoder: source, file and checksums of its published weights.
        parameters: those of `dit`.
    """

    def __init__(self, image_shape: list[int], *, precision: str, autoencoder: dict, **parameters: object):
        frozen = Autoencoder(autoencoder, KEY)
        super().__init__(frozen.latent_shape(image_shape), **parameters)
        self.autoencoder, self.precision = frozen, precision
        self._remove_noise = ddim if parameters["sampler"] == "ddim" else self.sampler
        self.sampler = self._sample_pictures

    def label_embeddings(self) -> nn.Parameter:
        """What the network knows of a label, (classes + 1, width); the last row is the null label's."""
        return super().label_embeddings()  # here as well, for a configuration is checked by what this file defines

    def losses(self, images: Tensor, noise: Tensor, target: Tensor | None = None) -> Tensor:
        """Mean square of the prediction's error over the latents of each image, (B,); see `dit`."""
        return super().losses(self._latents(images if target is None else target), noise)

    def predictions(self, images: Tensor, noise: Tensor) -> Tensor:
        """What the network predicts for images with noise: the velocity or ε, (B, c, h, w)."""
        return super().predictions(self._latents(images), noise)

    def targets(self, images: Tensor, noise: Tensor) -> Tensor:
        """What `predictions` should be: ε − z for flow, ε for DDPM, (B, c, h, w)."""
        return super().targets(self._latents(images), noise)

    def noise_between(self, images: Tensor, noise: Tensor, others: Tensor) -> Tensor:
        """The noise that makes of other images the same noisy latents, see `dit`."""
        return super().noise_between(self._latents(images), noise, self._latents(others))

    def samples(self, latents: Tensor) -> Tensor:
        """The pictures (B, C, H, W) in [0, 1] of noise with labels (B, c·h·w + 1), a part of them at a time."""
        sample = super().samples
        return torch.cat([sample(part) for part in latents.split(PART)])

    def _latents(self, images: Tensor) -> Tensor:
        """Latents on the scale of pictures, (B, c, h, w)."""
        return images if list(images.shape[1:]) == self.image_shape else self.autoencoder.encode(images)

    def _predict(self, noisy: Tensor, time: Tensor, labels: Tensor) -> Tensor:
        with torch.autocast(noisy.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            prediction = super()._predict(noisy, time, labels)
        return prediction.to(noisy.dtype)

    def _sample_pictures(self, predict: Predict, noise: Tensor, signal: Tensor, steps: int) -> Tensor:
        return self.autoencoder.decode(self._remove_noise(predict, noise, signal, steps))


def ddim(predict: Predict, noise: Tensor, signal: Tensor, steps: int) -> Tensor:
    """DDIM without added noise (Song et al. 2021, equation 12), at evenly spaced time steps from the last one on.

    Args:
        predict: returns the noise (B, c, h, w) in noisy latents (B, c, h, w) at a time step, a tensor ().
        noise: (B, c, h, w), the latents at the last time step.
        signal: ᾱ of each time step, (T,).
        steps: number of steps.

    Returns:
        The latents (B, c, h, w).
    """
    times = torch.linspace(len(signal), 0, steps + 1, device=signal.device).round().long()[:-1] - 1
    levels = torch.cat([signal[times], torch.ones_like(signal[:1])])
    latents = noise
    for time, (now, later) in zip(times, pairwise(levels), strict=True):
        estimate = predict(latents, time)
        clean = (latents - (1 - now).sqrt() * estimate) / now.sqrt()
        latents = later.sqrt() * clean + (1 - later).sqrt() * estimate
    return latents

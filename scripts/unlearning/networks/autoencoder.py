"""The frozen autoencoder of latent diffusion (Rombach et al. 2022): Stable Diffusion's `AutoencoderKL` of diffusers.

A picture x ∈ [−1, 1] has the latents z = s E(x), where E is the mean of the encoder's posterior. The factor s gives
latents a variance of about 1. It is `scaling_factor` in the network's config.json, and 0.18215 where the file has none,
as in the published ones. A sample of the posterior would be another one at every call, and could not be kept in a file.
"""

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor

from unlearning.io import hub
from unlearning.networks.constraints import PIXELS_OF_A_LATENT

PART = 32  # pictures at a time: the feature maps of one of 256×256 pixels take about 150 MB


class Autoencoder:
    """Published weights of an autoencoder, which nothing trains, saves or copies.

    It is no module: a model that holds it has neither more parameters nor more buffers. Copies of the model share it,
    and its network moves to the device of what it gets.

    Args:
        published: source, file and checksums of the weights and of their config.json, see `hub.weights_file`.
        key: that the entry stands under in a configuration, for messages.

    Raises:
        ValueError: the weights are missing or cannot be read, have another checksum, are not those of the network in
            config.json, or make latents of another size than those of Stable Diffusion.
    """

    def __init__(self, published: dict, key: str):
        path = hub.weights_file(published, key)
        with hub.explain_unreadable(path, key):
            network, report = AutoencoderKL.from_pretrained(
                str(path.parent),
                use_safetensors=True,
                local_files_only=True,
                low_cpu_mem_usage=False,
                output_loading_info=True,
            )
        for problem in ("missing_keys", "unexpected_keys"):
            if report[problem]:
                names = ", ".join(sorted(report[problem])[:3])
                raise ValueError(
                    f"{path}: {key}: {problem.replace('_', ' ')} beside {hub.CONFIG}: {names}, …; name the weights and "
                    f"the {hub.CONFIG} of one network"
                )
        side = 2 ** (len(network.config.block_out_channels) - 1)
        if side != PIXELS_OF_A_LATENT:
            raise ValueError(
                f"{path}: {key}: a latent stands for {side}×{side} pixels, and not for "
                f"{PIXELS_OF_A_LATENT}×{PIXELS_OF_A_LATENT} as in Stable Diffusion's autoencoders; name one of these"
            )
        self._network = network.eval().requires_grad_(False)
        self.scale = network.config.scaling_factor

    def __deepcopy__(self, memo: dict) -> "Autoencoder":
        return self

    def latent_shape(self, image_shape: list[int]) -> list[int]:
        """The shape (c, h, w) of the latents of pictures (C, H, W)."""
        sides = (side // PIXELS_OF_A_LATENT for side in image_shape[1:])
        return [self._network.config.latent_channels, *sides]

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """The latents of pictures, on the scale of pictures: (z + 1) / 2.

        Args:
            images: (B, 3, H, W) in [0, 1].

        Returns:
            (B, c, h, w), about half of them in [0, 1].
        """
        network = self._network.to(images.device)
        parts = [network.encode(part.float() * 2 - 1).latent_dist.mean for part in images.split(PART)]
        return (self.scale * torch.cat(parts) + 1) / 2

    def decode(self, latents: Tensor) -> Tensor:
        """The pictures (B, 3, H, W), nearly in [−1, 1], of latents z (B, c, h, w)."""
        network = self._network.to(latents.device)
        return torch.cat([network.decode(part.float() / self.scale).sample for part in latents.split(PART)])

"""Diffusion model that fills in hidden pixels given the visible ones (Palette, Saharia et al. 2022).

The network is `UNet2DModel` of diffusers. It sees the noisy pixels of the hidden part, the visible part
and the mask, and predicts the noise. The loss is Palette's with the L2 norm: the squared error of the
predicted noise, averaged over the hidden pixels. Steps and variances are those of DDPM (Ho et al. 2020);
completions follow DDIM without noise (Song et al. 2021), so that they depend on their first noise alone.
"""

import torch
from diffusers.models.unets.unet_2d import UNet2DModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor, nn

from unlearning.networks.attention import use_plain_attention
from unlearning.networks.constraints import groups_divide_channels, image_can_be_halved, mask_fits_image
from unlearning.networks.masks import draw_masks

PARAMETERS = {
    "mask": {"$ref": "#/$defs/mask", "description": "which pixels are hidden"},
    "channels": {
        "type": "array",
        "minItems": 1,
        "maxItems": 10,
        "items": {"type": "integer", "minimum": 8, "maximum": 10000, "multipleOf": 8},
        "description": "feature maps at each resolution, every one half the one before",
    },
    "layers": {"type": "integer", "minimum": 1, "maximum": 100, "description": "residual blocks per resolution"},
    "groups": {"type": "integer", "minimum": 1, "maximum": 10000, "description": "of the group normalisations"},
    "sampling_steps": {
        "enum": [1, 2, 4, 5, 8, 10, 20, 25, 40, 50, 100, 125, 200, 250, 500, 1000],
        "description": "of a completion, evenly spaced among the 1,000 of training",
    },
    "gradient_checkpointing": {
        "type": "boolean",
        "description": "compute activations again in the backward pass: less memory, more time",
    },
}
STEPS = 1000


class Model(nn.Module):
    """Conditional diffusion on images (C, H, W) in [0, 1].

    Noise has the planes mask, Gaussian noise (C) and, for losses, the number of the step: (B, 1 + C + 1, H, W)
    for losses, (B, 1 + C, H, W) for completions.

    Raises:
        ValueError: the images cannot be halved as often as there are resolutions; the groups do not
            divide the channels; the mask does not fit the images.
    """

    def __init__(
        self,
        image_shape: list[int],
        *,
        mask: dict,
        channels: list[int],
        layers: int,
        groups: int,
        sampling_steps: int,
        gradient_checkpointing: bool,
    ):
        super().__init__()
        mask_fits_image({"mask": mask}, image_shape)
        image_can_be_halved({"channels": channels}, image_shape)
        groups_divide_channels({"groups": groups, "channels": channels}, image_shape)
        self.mask, self.image_shape = mask, image_shape
        self.network = UNet2DModel(
            in_channels=2 * image_shape[0] + 1,
            out_channels=image_shape[0],
            down_block_types=["DownBlock2D"] * len(channels),
            up_block_types=["UpBlock2D"] * len(channels),
            block_out_channels=channels,
            layers_per_block=layers,
            norm_num_groups=groups,
        )
        use_plain_attention(self.network)
        if gradient_checkpointing:
            self.network.enable_gradient_checkpointing()
        # Evenly spaced steps that begin at the last one, where an image is all noise.
        self.schedule = DDIMScheduler(STEPS, timestep_spacing="trailing")
        self.schedule.set_timesteps(sampling_steps)

    def completion_noise(self, count: int, generator: torch.Generator) -> Tensor:
        """Masks and Gaussian noise, (count, 1 + C, H, W)."""
        hidden = draw_masks(self.mask, self.image_shape, count, generator)
        gaussian = torch.randn(count, *self.image_shape, generator=generator, device=generator.device)
        return torch.cat([hidden, gaussian], 1)

    def loss_noise(self, count: int, generator: torch.Generator) -> Tensor:
        """Masks, Gaussian noise and step numbers 0 … 999, (count, 1 + C + 1, H, W)."""
        noise = self.completion_noise(count, generator)
        step = torch.randint(STEPS, (count, 1, 1, 1), generator=generator, device=generator.device)
        return torch.cat([noise, step.expand_as(noise[:, :1])], 1)

    def hidden(self, noise: Tensor) -> Tensor:
        """The masks in noise of either kind: 1 where a pixel is hidden, 0 where it is seen, (B, 1, H, W)."""
        return noise[:, :1]

    def encoder_parameters(self) -> set[str]:
        """Names of the parameters on the way down and in the middle; the time embedding serves the way up too."""
        encoder = ("network.conv_in.", "network.down_blocks.", "network.mid_block.")
        return {name for name, _ in self.named_parameters() if name.startswith(encoder)}

    def embedding(self, images: Tensor, noise: Tensor) -> tuple[Tensor, ...]:
        """All feature maps that reach the way up, of noisy images, for noise as in losses.

        The first convolution's, those of every layer on the way down and the middle's, each (B, K, h, w).
        """
        pixels, step = self._noisy_input(images, images, noise)
        network = self.network
        time = network.time_embedding(network.time_proj(step).to(pixels.dtype))
        maps = [network.conv_in(pixels)]
        for block in network.down_blocks:
            maps += block(maps[-1], time)[1]
        return (*maps, network.mid_block(maps[-1], time))

    def losses(self, images: Tensor, noise: Tensor, target: Tensor | None = None) -> Tensor:
        """Squared error of the predicted noise, averaged over the hidden pixels of each image, (B,).

        `target`: the images (B, C, H, W) whose hidden pixels are made noisy, instead of those of `images`.
        """
        hidden, gaussian = noise[:, :1], noise[:, 1:-1]
        predicted = self.network(*self._noisy_input(images, images if target is None else target, noise)).sample
        errors = (predicted - gaussian).square() * hidden
        return errors.flatten(1).sum(1) / (gaussian.shape[1] * hidden.flatten(1).sum(1))

    def completions(self, images: Tensor, noise: Tensor) -> Tensor:
        """The images (B, C, H, W) with their hidden pixels sampled, in [0, 1]."""
        hidden, sample = noise[:, :1], noise[:, 1:]
        for step in self.schedule.timesteps:
            predicted = self.network(self._input(sample, images, hidden), step).sample
            sample = self.schedule.step(predicted, step, sample).prev_sample
        return torch.where(hidden.bool(), ((sample + 1) / 2).clamp(0, 1), images)

    def _noisy_input(self, images: Tensor, target: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """What the network sees of visible images and a noisy target, and the numbers of the steps, (B,)."""
        step = noise[:, -1, 0, 0].long()
        noisy = self.schedule.add_noise(target * 2 - 1, noise[:, 1:-1], step)
        return self._input(noisy, images, noise[:, :1]), step

    def _input(self, noisy: Tensor, images: Tensor, hidden: Tensor) -> Tensor:
        return torch.cat([noisy * hidden, (images * 2 - 1) * (1 - hidden), hidden], 1)

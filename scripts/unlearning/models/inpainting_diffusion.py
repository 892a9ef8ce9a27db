"""Diffusion model that fills in hidden pixels given the visible ones (Palette, Saharia et al. 2022).

The network is `UNet2DModel` of diffusers. Its input is the hidden part with noise, the visible part and the mask. Its
output is a prediction of the noise. The loss is Palette's with the L2 norm: the mean squared error of the predicted
noise over the hidden pixels. Time steps and variances are those of DDPM (Ho et al. 2020). Completions follow DDIM
without added noise (Song et al. 2021), and therefore depend only on the noise that they start from.
"""

import torch
from diffusers.models.unets.unet_2d import UNet2DModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor, nn

from unlearning.networks.attention import use_plain_attention
from unlearning.networks.masks import draw_masks

PARAMETERS = {
    "mask": {"$ref": "#/$defs/mask", "description": "which pixels are hidden"},
    "channels": {
        "type": "array",
        "minItems": 1,
        "maxItems": 10,
        "items": {"type": "integer", "minimum": 8, "maximum": 10000, "multipleOf": 8},
        "description": "feature maps at each resolution; each resolution is half the one before",
    },
    "layers": {"type": "integer", "minimum": 1, "maximum": 100, "description": "residual blocks at each resolution"},
    "groups": {"type": "integer", "minimum": 1, "maximum": 10000, "description": "groups of each group normalisation"},
    "sampling_steps": {
        "enum": [1, 2, 4, 5, 8, 10, 20, 25, 40, 50, 100, 125, 200, 250, 500, 1000],
        "description": "steps of a completion, evenly spaced among the 1,000 steps of training",
    },
    "gradient_checkpointing": {
        "type": "boolean",
        "description": "whether the backward pass computes activations again: less memory, more time",
    },
}
CONSTRAINTS = ["mask_fits_image", "image_can_be_halved", "groups_divide_channels"]
STEPS = 1000  # of the diffusion process in training


class Model(nn.Module):
    """Conditional diffusion on images (C, H, W) in [0, 1].

    The noise of a completion has the planes mask (1) and Gaussian noise (C). The noise of a loss has one plane more,
    the number of the time step, which is the same in all pixels.

    Args:
        image_shape: (C, H, W).
        mask: which pixels are hidden, see `unlearning.networks.masks`.
        channels: number of feature maps at each resolution. Each resolution is half the one before.
        layers: number of residual blocks per resolution.
        groups: number of groups of the group normalisations.
        sampling_steps: number of time steps of a completion, evenly spaced among the 1,000 of training.
        gradient_checkpointing: whether to compute activations again in the backward pass.
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
        # "trailing": completions start at the last time step of training, at which an image is all noise.
        self.schedule = DDIMScheduler(STEPS, timestep_spacing="trailing")
        self.schedule.set_timesteps(sampling_steps)

    def completion_noise(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw masks and Gaussian noise, (count, 1 + C, H, W)."""
        hidden = draw_masks(self.mask, self.image_shape, count, generator)
        gaussian = torch.randn(count, *self.image_shape, generator=generator, device=generator.device)
        return torch.cat([hidden, gaussian], 1)

    def loss_noise(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw masks, Gaussian noise and time steps 0 … 999, (count, 1 + C + 1, H, W)."""
        noise = self.completion_noise(count, generator)
        step = torch.randint(STEPS, (count, 1, 1, 1), generator=generator, device=generator.device)
        return torch.cat([noise, step.expand_as(noise[:, :1])], 1)

    def hidden_pixels(self, noise: Tensor) -> Tensor:
        """The masks in noise of either kind, (B, 1, H, W): 1 where a pixel is hidden, 0 where a pixel is visible."""
        return noise[:, :1]

    def encoder_parameters(self) -> set[str]:
        """Names of the parameters of the down blocks and the middle block; the up blocks use the time embedding too."""
        encoder = ("network.conv_in.", "network.down_blocks.", "network.mid_block.")
        return {name for name, _ in self.named_parameters() if name.startswith(encoder)}

    def embedding(self, images: Tensor, noise: Tensor) -> tuple[Tensor, ...]:
        """Compute all feature maps that the up blocks receive.

        Args:
            images: (B, C, H, W) in [0, 1].
            noise: (B, 1 + C + 1, H, W), from `loss_noise`; the hidden part gets this noise.

        Returns:
            The outputs of the first convolution, of every layer of the down blocks and of the middle block, each
            (B, K, h, w).
        """
        pixels, step = self._noisy_input(images, images, noise)
        network = self.network
        time = network.time_embedding(network.time_proj(step).to(pixels.dtype))
        maps = [network.conv_in(pixels)]
        for block in network.down_blocks:
            maps += block(maps[-1], time)[1]
        return (*maps, network.mid_block(maps[-1], time))

    def losses(self, images: Tensor, noise: Tensor, target: Tensor | None = None) -> Tensor:
        """Compute the mean squared error of the predicted noise over the hidden pixels of each image.

        Args:
            images: (B, C, H, W) in [0, 1].
            noise: (B, 1 + C + 1, H, W), from `loss_noise`.
            target: (B, C, H, W) in [0, 1]: images whose hidden pixels get noise, instead of those of `images`.

        Returns:
            (B,).
        """
        hidden, gaussian = noise[:, :1], noise[:, 1:-1]
        prediction = self.network(*self._noisy_input(images, images if target is None else target, noise)).sample
        errors = (prediction - gaussian).square() * hidden
        return errors.flatten(1).sum(1) / (gaussian.shape[1] * hidden.flatten(1).sum(1))

    def completions(self, images: Tensor, noise: Tensor) -> Tensor:
        """Complete images (B, C, H, W) in [0, 1]: the hidden pixels are samples."""
        hidden, sample = noise[:, :1], noise[:, 1:]
        for step in self.schedule.timesteps:
            prediction = self.network(self._input(sample, images, hidden), step).sample
            sample = self.schedule.step(prediction, step, sample).prev_sample
        return torch.where(hidden.bool(), ((sample + 1) / 2).clamp(0, 1), images)

    def _noisy_input(self, images: Tensor, target: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """The network's input for the visible part of `images` and a noisy `target`, and the time steps (B,)."""
        step = noise[:, -1, 0, 0].long()
        noisy = self.schedule.add_noise(target * 2 - 1, noise[:, 1:-1], step)
        return self._input(noisy, images, noise[:, :1]), step

    def _input(self, noisy: Tensor, images: Tensor, hidden: Tensor) -> Tensor:
        """The network's input, (B, C + C + 1, H, W): noisy hidden part, visible part in [−1, 1], mask."""
        return torch.cat([noisy * hidden, (images * 2 - 1) * (1 - hidden), hidden], 1)

"""Vector-quantised autoencoder (van den Oord et al. 2017) that restores the whole image from its visible part.

The network is `VQModel` of diffusers: VQ-GAN's without the adversarial loss (Esser et al. 2021). The loss is eq. (3) of
van den Oord et al. with a Gaussian likelihood: the squared error of all pixels, hidden and visible, plus the squared
distance of codes from latents, plus the weighted squared distance of latents from codes. Each term is a mean.
"""

import torch
from diffusers.models.autoencoders.vq_model import VQModel
from torch import Tensor, nn

from unlearning.networks.attention import use_plain_attention
from unlearning.networks.masks import draw_masks

PARAMETERS = {
    "mask": {"$ref": "#/$defs/mask", "description": "which pixels are hidden"},
    "channels": {
        "type": "array",
        "minItems": 1,
        "maxItems": 10,
        "items": {"type": "integer", "minimum": 1, "maximum": 10000},
        "description": "feature maps at each resolution; each resolution is half the one before",
    },
    "layers": {"type": "integer", "minimum": 1, "maximum": 100, "description": "residual blocks at each resolution"},
    "groups": {"type": "integer", "minimum": 1, "maximum": 10000, "description": "groups of each group normalisation"},
    "latent_channels": {"type": "integer", "minimum": 1, "maximum": 10000, "description": "channels of a code"},
    "codes": {"type": "integer", "minimum": 2, "maximum": 1000000, "description": "codes in the codebook"},
    "commitment": {
        "type": "number",
        "minimum": 0,
        "description": "weight of the encoder's distance from its codes, β of the paper",
    },
}
CONSTRAINTS = ["mask_fits_image", "image_can_be_halved", "groups_divide_channels"]


class Model(nn.Module):
    """VQ autoencoder on images (C, H, W) in [0, 1]. The noise of losses and completions is a mask, (B, 1, H, W).

    Args:
        image_shape: (C, H, W).
        mask: which pixels are hidden, see `unlearning.networks.masks`.
        channels: number of feature maps at each resolution. Each resolution is half the one before.
        layers: number of residual blocks per resolution.
        groups: number of groups of the group normalisations.
        latent_channels: length of a code.
        codes: size of the codebook.
        commitment: weight of the distance of latents from codes, β of the paper.
    """

    def __init__(
        self,
        image_shape: list[int],
        *,
        mask: dict,
        channels: list[int],
        layers: int,
        groups: int,
        latent_channels: int,
        codes: int,
        commitment: float,
    ):
        super().__init__()
        self.mask, self.image_shape, self.commitment = mask, image_shape, commitment
        self.network = VQModel(
            in_channels=image_shape[0],
            out_channels=image_shape[0],
            down_block_types=["DownEncoderBlock2D"] * len(channels),
            up_block_types=["UpDecoderBlock2D"] * len(channels),
            block_out_channels=channels,
            layers_per_block=layers,
            latent_channels=latent_channels,
            num_vq_embeddings=codes,
            norm_num_groups=groups,
        )
        use_plain_attention(self.network)

    def loss_noise(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw masks, (count, 1, H, W): all that is random in a loss."""
        return draw_masks(self.mask, self.image_shape, count, generator)

    completion_noise = loss_noise

    def hidden_pixels(self, noise: Tensor) -> Tensor:
        """The masks in noise, (B, 1, H, W): 1 where a pixel is hidden, 0 where a pixel is visible."""
        return noise

    def encoder_parameters(self) -> set[str]:
        """Names of the encoder's parameters, without the codebook and the 1×1 convolutions before and after it."""
        return {name for name, _ in self.named_parameters() if name.startswith("network.encoder.")}

    def embedding(self, images: Tensor, noise: Tensor) -> tuple[Tensor]:
        """The latents before quantisation, (B, latent_channels, h, w), of images whose hidden pixels are grey."""
        return (self.network.encode((images * 2 - 1) * (1 - noise)).latents,)

    def losses(self, images: Tensor, noise: Tensor, target: Tensor | None = None) -> Tensor:
        """Compute |x − x'|² + |sg[z] − e|² + β |z − sg[e]|² of each image, each term a mean over its elements.

        x is the target in [−1, 1], x' the decoder's output, z the latents, e their nearest codes; sg stops gradients.

        Args:
            images: (B, C, H, W) in [0, 1].
            noise: masks, (B, 1, H, W).
            target: (B, C, H, W) in [0, 1]: images to restore in all their pixels, instead of `images`.

        Returns:
            (B,).
        """
        (latents,) = self.embedding(images, noise)
        codes = self._codes(self._nearest(latents))
        decoded = self._decode(latents + (codes - latents).detach())  # straight-through gradients
        reconstruction = decoded - ((images if target is None else target) * 2 - 1)
        parts = (reconstruction, codes - latents.detach(), latents - codes.detach())
        reconstruction, codebook, commitment = (part.square().flatten(1).mean(1) for part in parts)
        return reconstruction + codebook + self.commitment * commitment

    def completions(self, images: Tensor, noise: Tensor) -> Tensor:
        """Complete images (B, C, H, W) in [0, 1]: the hidden pixels are those of the decoder's output."""
        return torch.where(noise.bool(), self.restore(self.tokens(images, noise)), images)

    def tokens(self, images: Tensor, noise: Tensor) -> Tensor:
        """The numbers of the nearest codes, (B, h, w), of images whose hidden pixels are grey."""
        (latents,) = self.embedding(images, noise)
        return self._nearest(latents)

    def restore(self, tokens: Tensor) -> Tensor:
        """Decode the codes with the numbers `tokens`, (B, h, w), into images (B, C, H, W) in [0, 1]."""
        return ((self._decode(self._codes(tokens)) + 1) / 2).clamp(0, 1)

    def _nearest(self, latents: Tensor) -> Tensor:
        """The numbers (B, h, w) of the codes that are nearest to latents (B, latent_channels, h, w)."""
        vectors = latents.detach().movedim(1, -1)
        codebook = self.network.quantize.embedding.weight.detach()
        return torch.cdist(vectors.flatten(1, 2), codebook).argmin(-1).view(vectors.shape[:-1])

    def _codes(self, tokens: Tensor) -> Tensor:
        """The codes (B, latent_channels, h, w) with the numbers `tokens`, (B, h, w)."""
        return self.network.quantize.embedding(tokens).movedim(-1, 1)

    def _decode(self, codes: Tensor) -> Tensor:
        """Decode codes (B, latent_channels, h, w) into images (B, C, H, W) in [−1, 1]."""
        return self.network.decode(codes, force_not_quantize=True).sample

"""Vector-quantised autoencoder (van den Oord et al. 2017) that restores the whole image from its visible part.

The network is `VQModel` of diffusers, VQ-GAN's without the adversarial loss (Esser et al. 2021). The loss
is eq. (3) of the first paper, with a Gaussian likelihood: the squared error of all pixels, hidden or not,
plus the codebook's and the encoder's distance from each other; each term is a mean over its elements.
"""

import torch
from diffusers.models.autoencoders.vq_model import VQModel
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
        "items": {"type": "integer", "minimum": 1, "maximum": 10000},
        "description": "feature maps at each resolution, every one half the one before",
    },
    "layers": {"type": "integer", "minimum": 1, "maximum": 100, "description": "residual blocks per resolution"},
    "groups": {"type": "integer", "minimum": 1, "maximum": 10000, "description": "of the group normalisations"},
    "latent_channels": {"type": "integer", "minimum": 1, "maximum": 10000, "description": "length of a code"},
    "codes": {"type": "integer", "minimum": 2, "maximum": 1000000, "description": "size of the codebook"},
    "commitment": {
        "type": "number",
        "minimum": 0,
        "description": "weight of the encoder's distance from its codes, β of the paper",
    },
}


class Model(nn.Module):
    """VQ autoencoder on images (C, H, W) in [0, 1]; its noise is a mask, (B, 1, H, W).

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
        latent_channels: int,
        codes: int,
        commitment: float,
    ):
        super().__init__()
        mask_fits_image({"mask": mask}, image_shape)
        image_can_be_halved({"channels": channels}, image_shape)
        groups_divide_channels({"groups": groups, "channels": channels}, image_shape)
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
        """Masks, (count, 1, H, W): all that is random in a loss."""
        return draw_masks(self.mask, self.image_shape, count, generator)

    completion_noise = loss_noise

    def hidden(self, noise: Tensor) -> Tensor:
        """The masks in noise: 1 where a pixel is hidden, 0 where it is seen, (B, 1, H, W)."""
        return noise

    def encoder_parameters(self) -> set[str]:
        """Names of the encoder's parameters; the codebook and the 1×1 convolutions around it are not its own."""
        return {name for name, _ in self.named_parameters() if name.startswith("network.encoder.")}

    def embedding(self, images: Tensor, noise: Tensor) -> tuple[Tensor]:
        """The latents before quantisation, (B, latent_channels, h, w), of images whose hidden pixels are grey."""
        return (self.network.encode((images * 2 - 1) * (1 - noise)).latents,)

    def losses(self, images: Tensor, noise: Tensor, target: Tensor | None = None) -> Tensor:
        """Squared error of the pixels in [-1, 1] plus the two distances of latents and codes, (B,).

        `target`: the images (B, C, H, W) to be restored instead of `images`, in all their pixels.
        """
        (latents,) = self.embedding(images, noise)
        codes = self._codes(self._nearest(latents))
        restored = self._decode(latents + (codes - latents).detach())  # gradients pass straight through
        reconstruction = restored - ((images if target is None else target) * 2 - 1)
        parts = (reconstruction, codes - latents.detach(), latents - codes.detach())
        reconstruction, codebook, commitment = (part.square().flatten(1).mean(1) for part in parts)
        return reconstruction + codebook + self.commitment * commitment

    def completions(self, images: Tensor, noise: Tensor) -> Tensor:
        """The images (B, C, H, W) with their hidden pixels taken from what the decoder restores, in [0, 1]."""
        return torch.where(noise.bool(), self.restored(self.tokens(images, noise)), images)

    def tokens(self, images: Tensor, noise: Tensor) -> Tensor:
        """The numbers of the nearest codes, (B, h, w), of images whose hidden pixels are grey."""
        (latents,) = self.embedding(images, noise)
        return self._nearest(latents)

    def restored(self, tokens: Tensor) -> Tensor:
        """The images (B, C, H, W) in [0, 1] that the decoder makes of codes with these numbers (B, h, w)."""
        return ((self._decode(self._codes(tokens)) + 1) / 2).clamp(0, 1)

    def _nearest(self, latents: Tensor) -> Tensor:
        vectors = latents.detach().movedim(1, -1)
        codebook = self.network.quantize.embedding.weight.detach()
        return torch.cdist(vectors.flatten(1, 2), codebook).argmin(-1).view(vectors.shape[:-1])

    def _codes(self, tokens: Tensor) -> Tensor:
        return self.network.quantize.embedding(tokens).movedim(-1, 1)

    def _decode(self, codes: Tensor) -> Tensor:
        return self.network.decode(codes, force_not_quantize=True).sample

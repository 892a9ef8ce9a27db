"""Masked-token transformer over the codes of a VQ model (MaskGIT, Chang et al. 2022; MAGE, Li et al. 2023).

A VQ model turns an image into a grid of codes. A token is the number of a code. A ViT encodes the tokens of the visible
part. A second ViT predicts the tokens of the hidden part. The loss is the sum of two terms: the loss of the VQ model on
whole images, and the mean cross-entropy of the tokens to predict. Neither term has gradients with respect to the
other's weights.

As in MaskGIT, training reveals a part of the hidden tokens to the network. A completion is decoded in rounds, and each
round keeps the most probable tokens. There are two differences from MAGE. Tokens of the visible part are computed from
visible pixels alone. Tokens of the hidden part stay in the encoder's sequence, each replaced by a mask token.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.vit_mae.configuration_vit_mae import ViTMAEConfig
from transformers.models.vit_mae.modeling_vit_mae import ViTMAELayer, build_2d_sinusoidal_position_embedding

from unlearning.models import vq
from unlearning.networks.masks import draw_masks

PARAMETERS = {
    "mask": {"$ref": "#/$defs/mask", "description": "which pixels are hidden; its edges lie between codes"},
    "channels": {
        "$ref": "#/properties/model/properties/vq/properties/channels",
        "description": "feature maps of the VQ model at each resolution; each resolution is half the one before",
    },
    "blocks": {
        "$ref": "#/properties/model/properties/vq/properties/layers",
        "description": "residual blocks of the VQ model at each resolution",
    },
    "groups": {
        "$ref": "#/properties/model/properties/vq/properties/groups",
        "description": "groups of each group normalisation in the VQ model",
    },
    "latent_channels": {
        "$ref": "#/properties/model/properties/vq/properties/latent_channels",
        "description": "channels of a code",
    },
    "codes": {"$ref": "#/properties/model/properties/vq/properties/codes", "description": "codes in the codebook"},
    "commitment": {
        "$ref": "#/properties/model/properties/vq/properties/commitment",
        "description": "weight of the distance of the VQ model's latents from their codes",
    },
    "width": {
        "type": "integer",
        "minimum": 4,
        "maximum": 100000,
        "multipleOf": 4,
        "description": "width of both transformers",
    },
    "heads": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "attention heads of both transformers"},
    "layers": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "layers of the encoder"},
    "decoder_layers": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "layers of the decoder"},
    "rounds": {
        "type": "integer",
        "minimum": 1,
        "maximum": 1000,
        "description": "rounds in which a completion is decoded",
    },
}
CONSTRAINTS = [
    "heads_divide_width",
    "mask_fits_image",
    "image_can_be_halved",
    "groups_divide_channels",
    "mask_follows_codes",
]


class Model(nn.Module):
    """VQ model and transformers on images (C, H, W) in [0, 1].

    The noise of a loss has three planes: the mask, the order in which tokens are masked, and a share that decides how
    many. The noise of a completion has the mask and one plane of uniform numbers for each round. In all planes but the
    mask, only the top left pixel of each code counts.

    Args:
        image_shape: (C, H, W).
        mask: which pixels are hidden, see `unlearning.networks.masks`.
        channels: of the VQ model, see `unlearning.models.vq`.
        blocks: `layers` of the VQ model.
        groups: of the VQ model.
        latent_channels: of the VQ model.
        codes: of the VQ model.
        commitment: of the VQ model.
        width: width of both transformers.
        heads: number of heads of both transformers' attention.
        layers: number of layers of the encoder.
        decoder_layers: number of layers of the decoder.
        rounds: number of rounds in which a completion is decoded.
    """

    def __init__(
        self,
        image_shape: list[int],
        *,
        mask: dict,
        channels: list[int],
        blocks: int,
        groups: int,
        latent_channels: int,
        codes: int,
        commitment: float,
        width: int,
        heads: int,
        layers: int,
        decoder_layers: int,
        rounds: int,
    ):
        super().__init__()
        self.tokenizer = vq.Model(
            image_shape,
            mask=mask,
            channels=channels,
            layers=blocks,
            groups=groups,
            latent_channels=latent_channels,
            codes=codes,
            commitment=commitment,
        )
        self.mask, self.image_shape, self.rounds = mask, image_shape, rounds
        self.side = 2 ** (len(channels) - 1)
        config = ViTMAEConfig(
            hidden_size=width,
            num_attention_heads=heads,
            intermediate_size=4 * width,
            attn_implementation="eager",  # fused attention has no second derivatives
        )
        rows, columns = image_shape[1] // self.side, image_shape[2] // self.side
        self.register_buffer(
            "positions", build_2d_sinusoidal_position_embedding(rows, columns, width), persistent=False
        )
        self.mask_token = codes  # the number after the last code
        self.table = nn.Embedding(codes + 1, width)
        nn.init.normal_(self.table.weight)  # as large as the positions: smaller tokens would be lost in the sum
        self.encoder = nn.Sequential(*(ViTMAELayer(config) for _ in range(layers)), nn.LayerNorm(width))
        self.decoder = nn.Sequential(
            *(ViTMAELayer(config) for _ in range(decoder_layers)), nn.LayerNorm(width), nn.Linear(width, codes)
        )

    def loss_noise(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw masks, order and share, (count, 3, H, W); order and share are uniform in [0, 1)."""
        hidden = draw_masks(self.mask, self.image_shape, count, generator)
        order = torch.rand(hidden.shape, generator=generator, device=generator.device)
        share = torch.rand(count, 1, 1, 1, generator=generator, device=generator.device)
        return torch.cat([hidden, order, share.expand_as(hidden)], 1)

    def completion_noise(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw masks, and uniform numbers in [0, 1) for each round, (count, 1 + rounds, H, W)."""
        hidden = draw_masks(self.mask, self.image_shape, count, generator)
        uniform = torch.rand(count, self.rounds, *hidden.shape[2:], generator=generator, device=generator.device)
        return torch.cat([hidden, uniform], 1)

    def hidden_pixels(self, noise: Tensor) -> Tensor:
        """The masks in noise of either kind, (B, 1, H, W): 1 where a pixel is hidden, 0 where a pixel is visible."""
        return noise[:, :1]

    def encoder_parameters(self) -> set[str]:
        """Names of the encoder's parameters, without the VQ model and the table of tokens."""
        return {name for name, _ in self.named_parameters() if name.startswith("encoder.")}

    def embedding(self, images: Tensor, noise: Tensor) -> tuple[Tensor]:
        """The encoder's output at all N positions of the grid, (B, N, width), if all hidden tokens are masked."""
        return (self._encode(self._visible_tokens(images, noise)),)

    def losses(self, images: Tensor, noise: Tensor, target: Tensor | None = None) -> Tensor:
        """Compute the loss of the VQ model plus the mean cross-entropy of the masked tokens, for each image.

        Of H hidden tokens, ⌈cos(π/2 · share) H⌉ are masked, at least one. The others are revealed.

        Args:
            images: (B, C, H, W) in [0, 1].
            noise: (B, 3, H, W), from `loss_noise`.
            target: (B, C, H, W) in [0, 1]: images whose hidden tokens to predict, and which the VQ model restores,
                instead of `images`.

        Returns:
            (B,); the cross-entropy in nats.
        """
        target = images if target is None else target
        hidden, order, share = self._corners(noise).unbind(1)
        empty_mask = torch.zeros_like(noise[:, :1])
        labels = self._tokens(target, empty_mask)
        count = (torch.cos(share * math.pi / 2) * hidden.sum(1, keepdim=True)).ceil()
        masked = (order + 1 - hidden).argsort(1).argsort(1) < count
        tokens = torch.where(hidden.bool(), labels, self._tokens(images, self.hidden_pixels(noise)))
        logits = self.decoder(self._encode(tokens.masked_fill(masked, self.mask_token)))
        entropies = F.cross_entropy(logits.movedim(-1, 1), labels, reduction="none") * masked
        return self.tokenizer.losses(target, empty_mask) + entropies.sum(1) / masked.sum(1)

    def completions(self, images: Tensor, noise: Tensor) -> Tensor:
        """Complete images: the hidden pixels are decoded from predicted tokens.

        Each round draws all masked tokens and keeps the most probable ones. After round r of R, ⌊cos(π/2 · r/R) H⌋ of
        the H hidden tokens are still masked.

        Args:
            images: (B, C, H, W) in [0, 1].
            noise: (B, 1 + rounds, H, W), from `completion_noise`.

        Returns:
            (B, C, H, W) in [0, 1].
        """
        hidden, *uniforms = self._corners(noise).unbind(1)
        tokens = self._visible_tokens(images, noise)
        for number, uniform in enumerate(uniforms, start=1):
            masked = tokens == self.mask_token
            probabilities = self.decoder(self._encode(tokens)).softmax(-1)
            # The inverse of the cumulative distribution; rounding may leave its last value below 1.
            samples = (probabilities.cumsum(-1) < uniform[..., None]).sum(-1).clamp(max=self.mask_token - 1)
            confidence = probabilities.gather(-1, samples[..., None])[..., 0].masked_fill(~masked, math.inf)
            count = (math.cos(number / self.rounds * math.pi / 2) * hidden.sum(1, keepdim=True)).floor()
            most_probable = masked & (confidence.argsort(1).argsort(1) >= count)
            tokens = torch.where(most_probable, samples, tokens)
        grid = tokens.view(-1, *(length // self.side for length in images.shape[2:]))
        return torch.where(self.hidden_pixels(noise).bool(), self.tokenizer.restore(grid), images)

    def _tokens(self, images: Tensor, hidden: Tensor) -> Tensor:
        """Tokens (B, N) of the pixels of images that are not hidden."""
        return self.tokenizer.tokens(images, hidden).flatten(1)

    def _visible_tokens(self, images: Tensor, noise: Tensor) -> Tensor:
        """Tokens (B, N) of images, with the mask token at hidden positions."""
        hidden = self._corners(self.hidden_pixels(noise))[:, 0].bool()
        return self._tokens(images, self.hidden_pixels(noise)).masked_fill(hidden, self.mask_token)

    def _corners(self, noise: Tensor) -> Tensor:
        """The top left pixel of each code, (B, K, N), in planes (B, K, H, W)."""
        return noise[:, :, :: self.side, :: self.side].flatten(2)

    def _encode(self, tokens: Tensor) -> Tensor:
        """The encoder's output (B, N, width) for tokens (B, N)."""
        return self.encoder(self.table(tokens) + self.positions)

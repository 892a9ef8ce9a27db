"""Masked-token transformer over the codes of a VQ model (MaskGIT, Chang et al. 2022; MAGE, Li et al. 2023).

A VQ model turns the image into a grid of codes. A ViT encodes the codes of the visible part, a second
one predicts those of the hidden part. The loss is the sum of the VQ model's, on whole images, and of the
mean cross-entropy of the codes that are to be predicted; neither has gradients in the other's weights.
As in MaskGIT a part of the hidden codes is given in training, and a completion is decoded in rounds that
keep the most probable codes. Unlike MAGE's, the codes of the visible part never saw the hidden pixels, and
hidden codes are not left out of the encoder's sequence but replaced by a token.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.vit_mae.configuration_vit_mae import ViTMAEConfig
from transformers.models.vit_mae.modeling_vit_mae import ViTMAELayer, build_2d_sinusoidal_position_embedding

from unlearning.models import vq
from unlearning.networks.constraints import mask_follows_codes
from unlearning.networks.masks import draw_masks

PARAMETERS = {
    "mask": {"$ref": "#/$defs/mask", "description": "which pixels are hidden; its edges lie between codes"},
    "channels": {
        "$ref": "#/properties/model/properties/vq/properties/channels",
        "description": "of the VQ model: feature maps at each resolution, every one half the one before",
    },
    "blocks": {
        "$ref": "#/properties/model/properties/vq/properties/layers",
        "description": "of the VQ model: residual blocks per resolution",
    },
    "groups": {
        "$ref": "#/properties/model/properties/vq/properties/groups",
        "description": "of the VQ model's group normalisations",
    },
    "latent_channels": {
        "$ref": "#/properties/model/properties/vq/properties/latent_channels",
        "description": "length of a code",
    },
    "codes": {"$ref": "#/properties/model/properties/vq/properties/codes", "description": "size of the codebook"},
    "commitment": {
        "$ref": "#/properties/model/properties/vq/properties/commitment",
        "description": "weight of the distance of the VQ model's latents from their codes",
    },
    "width": {
        "type": "integer",
        "minimum": 4,
        "maximum": 100000,
        "multipleOf": 4,
        "description": "of both transformers",
    },
    "heads": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "of both transformers' attention"},
    "layers": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "of the encoder"},
    "decoder_layers": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "of the decoder"},
    "rounds": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "in which a completion is decoded"},
}


class Model(nn.Module):
    """VQ model and transformers on images (C, H, W) in [0, 1].

    Noise for losses has the planes mask, order in which codes are given, and share of them that is given;
    noise for completions the mask and one plane of chance for each round. Of all but the mask only the
    pixel in the corner of each code counts.

    Raises:
        ValueError: the mask cuts through codes; see also `unlearning.models.vq`.
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
        mask_follows_codes({"mask": mask, "channels": channels}, image_shape)
        config = ViTMAEConfig(
            hidden_size=width,
            num_attention_heads=heads,
            intermediate_size=4 * width,
            attn_implementation="eager",  # the fused one has no second derivatives
        )
        rows, columns = image_shape[1] // self.side, image_shape[2] // self.side
        self.register_buffer(
            "positions", build_2d_sinusoidal_position_embedding(rows, columns, width), persistent=False
        )
        self.unknown = codes  # the token of a code that is to be predicted
        self.table = nn.Embedding(codes + 1, width)
        nn.init.normal_(self.table.weight)  # of the size of the positions, or it drowns in them
        self.encoder = nn.Sequential(*(ViTMAELayer(config) for _ in range(layers)), nn.LayerNorm(width))
        self.decoder = nn.Sequential(
            *(ViTMAELayer(config) for _ in range(decoder_layers)), nn.LayerNorm(width), nn.Linear(width, codes)
        )

    def loss_noise(self, count: int, generator: torch.Generator) -> Tensor:
        """Masks, order and share, (count, 3, H, W); the last two uniform in [0, 1)."""
        hidden = draw_masks(self.mask, self.image_shape, count, generator)
        order = torch.rand(hidden.shape, generator=generator, device=generator.device)
        share = torch.rand(count, 1, 1, 1, generator=generator, device=generator.device)
        return torch.cat([hidden, order, share.expand_as(hidden)], 1)

    def completion_noise(self, count: int, generator: torch.Generator) -> Tensor:
        """Masks and uniform noise for each round, (count, 1 + rounds, H, W)."""
        hidden = draw_masks(self.mask, self.image_shape, count, generator)
        chance = torch.rand(count, self.rounds, *hidden.shape[2:], generator=generator, device=generator.device)
        return torch.cat([hidden, chance], 1)

    def hidden(self, noise: Tensor) -> Tensor:
        """The masks in noise of either kind: 1 where a pixel is hidden, 0 where it is seen, (B, 1, H, W)."""
        return noise[:, :1]

    def encoder_parameters(self) -> set[str]:
        """Names of the encoder's parameters; neither the VQ model nor the table of its codes is its own."""
        return {name for name, _ in self.named_parameters() if name.startswith("encoder.")}

    def embedding(self, images: Tensor, noise: Tensor) -> tuple[Tensor]:
        """The encoder's output on all positions of the grid, (B, N, width), where no hidden code is given."""
        tokens = self._tokens(images, self.hidden(noise))
        return (self._encode(tokens.masked_fill(self._corners(noise)[:, 0].bool(), self.unknown)),)

    def losses(self, images: Tensor, noise: Tensor, target: Tensor | None = None) -> Tensor:
        """The VQ model's loss plus the mean cross-entropy of the codes to be predicted, in nats, (B,).

        `target`: the images (B, C, H, W) whose codes are to be predicted where they are hidden, and which
        the VQ model learns to restore, instead of `images`.
        """
        target = images if target is None else target
        hidden, order, share = self._corners(noise).unbind(1)
        everything = torch.zeros_like(noise[:, :1])
        true = self._tokens(target, everything)
        # Of H hidden codes ⌈cos(π/2 · share) H⌉ are to be predicted, at least one.
        count = (torch.cos(share * math.pi / 2) * hidden.sum(1, keepdim=True)).ceil()
        predicted = (order + 1 - hidden).argsort(1).argsort(1) < count
        given = torch.where(hidden.bool(), true, self._tokens(images, self.hidden(noise)))
        logits = self.decoder(self._encode(given.masked_fill(predicted, self.unknown)))
        entropies = F.cross_entropy(logits.movedim(-1, 1), true, reduction="none") * predicted
        return self.tokenizer.losses(target, everything) + entropies.sum(1) / predicted.sum(1)

    def completions(self, images: Tensor, noise: Tensor) -> Tensor:
        """The images (B, C, H, W) with their hidden pixels decoded from predicted codes, in [0, 1]."""
        hidden, *chances = self._corners(noise).unbind(1)
        tokens = self._tokens(images, self.hidden(noise)).masked_fill(hidden.bool(), self.unknown)
        for number, chance in enumerate(chances, start=1):
            unknown = tokens == self.unknown
            probabilities = self.decoder(self._encode(tokens)).softmax(-1)
            drawn = (probabilities.cumsum(-1) < chance[..., None]).sum(-1).clamp(max=self.unknown - 1)
            confidence = probabilities.gather(-1, drawn[..., None])[..., 0].masked_fill(~unknown, math.inf)
            left = (math.cos(number / self.rounds * math.pi / 2) * hidden.sum(1, keepdim=True)).floor()
            kept = unknown & (confidence.argsort(1).argsort(1) >= left)
            tokens = torch.where(kept, drawn, tokens)
        grid = tokens.view(-1, *(length // self.side for length in images.shape[2:]))
        return torch.where(self.hidden(noise).bool(), self.tokenizer.restored(grid), images)

    def _tokens(self, images: Tensor, hidden: Tensor) -> Tensor:
        return self.tokenizer.tokens(images, hidden).flatten(1)

    def _corners(self, noise: Tensor) -> Tensor:
        return noise[:, :, :: self.side, :: self.side].flatten(2)

    def _encode(self, tokens: Tensor) -> Tensor:
        return self.encoder(self.table(tokens) + self.positions)

"""Masked autoencoder (He et al. 2022): a ViT encodes the visible patches, a smaller ViT fills in the hidden ones.

The network is `ViTMAEForPreTraining` of transformers. It can start from published weights. The loss is the paper's
without normalised targets: the mean squared error of standardised pixels over the hidden pixels.
"""

import torch
from torch import Tensor, nn
from transformers.models.vit_mae.configuration_vit_mae import ViTMAEConfig
from transformers.models.vit_mae.modeling_vit_mae import (
    ViTMAEForPreTraining,
    ViTMAEModelOutput,
    build_2d_sinusoidal_position_embedding,
)

from unlearning.io import hub
from unlearning.networks.masks import draw_masks

PARAMETERS = {
    "mask": {"$ref": "#/$defs/mask", "description": "which pixels are hidden; its edges lie between patches"},
    "patch": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "side of a patch in pixels"},
    "width": {
        "type": "integer",
        "minimum": 4,
        "maximum": 100000,
        "multipleOf": 4,
        "description": "width of the encoder",
    },
    "layers": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "layers of the encoder"},
    "heads": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "attention heads of the encoder"},
    "decoder_width": {
        "type": "integer",
        "minimum": 4,
        "maximum": 100000,
        "multipleOf": 4,
        "description": "width of the decoder",
    },
    "decoder_layers": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "layers of the decoder"},
    "decoder_heads": {
        "type": "integer",
        "minimum": 1,
        "maximum": 1000,
        "description": "attention heads of the decoder",
    },
    "pretrained": {
        "anyOf": [{"$ref": "#/$defs/published_weights"}, {"type": "null"}],
        "description": "published weights to start from, such as facebook/vit-mae-base; null to start from random ones",
    },
}
CONSTRAINTS = ["heads_divide_width", "patches_tile_image", "mask_fits_image", "mask_follows_patches"]
PUBLISHED_WEIGHTS = "pretrained"
# Mean and deviation of ImageNet's channels: published weights expect them. Grey images have no such convention.
MEAN = {3: [0.485, 0.456, 0.406]}
DEVIATION = {3: [0.229, 0.224, 0.225]}


class Model(nn.Module):
    """MAE on square images (C, H, W) in [0, 1]. The noise of losses and completions is a mask, (B, 1, H, W).

    Args:
        image_shape: (C, H, W).
        mask: which pixels are hidden, see `unlearning.networks.masks`.
        patch: side of a patch, in pixels.
        width: width of the encoder.
        layers: number of layers of the encoder.
        heads: number of heads of the encoder's attention.
        decoder_width: width of the decoder.
        decoder_layers: number of layers of the decoder.
        decoder_heads: number of heads of the decoder's attention.
        pretrained: source, file and checksum of published weights; None to keep the random ones.
    """

    def __init__(
        self,
        image_shape: list[int],
        *,
        mask: dict,
        patch: int,
        width: int,
        layers: int,
        heads: int,
        decoder_width: int,
        decoder_layers: int,
        decoder_heads: int,
        pretrained: dict | None,
    ):
        super().__init__()
        channels, side, _ = image_shape
        self.mask, self.image_shape, self.patch, self.pretrained = mask, image_shape, patch, pretrained
        hidden = draw_masks(mask, image_shape, 1, torch.Generator())[:, :, ::patch, ::patch]
        config = ViTMAEConfig(
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=4 * width,
            image_size=side,
            patch_size=patch,
            num_channels=channels,
            decoder_hidden_size=decoder_width,
            decoder_num_hidden_layers=decoder_layers,
            decoder_num_attention_heads=decoder_heads,
            decoder_intermediate_size=4 * decoder_width,
            # transformers rounds the number of visible patches down. Half a patch more makes this exact.
            mask_ratio=(hidden.sum().item() - 0.5) / hidden.numel(),
            attn_implementation="eager",  # fused attention has no second derivatives
        )
        self.network = ViTMAEForPreTraining(config)
        self._initialise()
        for name, values in (("mean", MEAN), ("deviation", DEVIATION)):
            constants = torch.tensor(values.get(channels, [0.5] * channels)).view(-1, 1, 1)
            self.register_buffer(name, constants, persistent=False)

    @torch.no_grad()
    def _initialise(self) -> None:
        """Initialise position embeddings and tokens as in the paper. transformers 5.23 leaves them at zero."""
        embeddings, decoder = self.network.vit.embeddings, self.network.decoder
        for positions in (embeddings.position_embeddings, decoder.decoder_pos_embed):
            side = self.network.config.image_size // self.patch
            positions.copy_(build_2d_sinusoidal_position_embedding(side, side, positions.shape[2], cls_token=True))
        for token in (embeddings.cls_token, decoder.mask_token):
            token.normal_(std=0.02)

    def load_pretrained(self) -> None:
        """Load the published weights that the configuration names, if it names any.

        Raises:
            ValueError: the weights are missing or cannot be read, have another checksum, or do not fit the
                architecture.
        """
        if self.pretrained is None:
            return
        key = "model.masked_autoencoder.pretrained"
        path = hub.weights_file(self.pretrained, key)
        with hub.explain_unreadable(path, key):
            pretrained, report = ViTMAEForPreTraining.from_pretrained(
                path.parent,
                config=self.network.config,
                use_safetensors=path.suffix == ".safetensors",
                weights_only=True,
                ignore_mismatched_sizes=True,  # so that the report, and the error below, name them too
                output_loading_info=True,
            )
        for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"):
            if report[problem]:
                raise ValueError(
                    f"{path}: {problem.replace('_', ' ')}: {', '.join(map(str, sorted(report[problem])[:3]))}, …; "
                    "give patch, width, layers and heads the values that the weights were trained with"
                )
        self.network.load_state_dict(pretrained.state_dict())

    def loss_noise(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw masks, (count, 1, H, W): all that is random in a loss."""
        return draw_masks(self.mask, self.image_shape, count, generator)

    completion_noise = loss_noise

    def hidden_pixels(self, noise: Tensor) -> Tensor:
        """The masks in noise, (B, 1, H, W): 1 where a pixel is hidden, 0 where a pixel is visible."""
        return noise

    def encoder_parameters(self) -> set[str]:
        """Names of the encoder's parameters."""
        names = (name for name, parameter in self.named_parameters() if parameter.requires_grad)
        return {name for name in names if name.startswith("network.vit.")}

    def embedding(self, images: Tensor, noise: Tensor) -> tuple[Tensor]:
        """The encoder's output for the class token and the visible patches, (B, 1 + number of these, width)."""
        return (self._encode(images, noise).last_hidden_state,)

    def losses(self, images: Tensor, noise: Tensor, target: Tensor | None = None) -> Tensor:
        """Compute the mean squared error of the standardised pixels over the hidden pixels of each image.

        Args:
            images: (B, C, H, W) in [0, 1].
            noise: masks, (B, 1, H, W).
            target: (B, C, H, W) in [0, 1]: images whose hidden pixels to predict, instead of those of `images`.

        Returns:
            (B,).
        """
        target = self._standardise(images if target is None else target)
        errors = (self._predict(images, noise) - target).square() * noise
        return errors.flatten(1).sum(1) / (len(self.mean) * noise.flatten(1).sum(1))

    def completions(self, images: Tensor, noise: Tensor) -> Tensor:
        """Complete images (B, C, H, W) in [0, 1]: the hidden pixels are predictions."""
        prediction = self._predict(images, noise) * self.deviation + self.mean
        return torch.where(noise.bool(), prediction.clamp(0, 1), images)

    def _standardise(self, images: Tensor) -> Tensor:
        return (images - self.mean) / self.deviation

    def _encode(self, images: Tensor, noise: Tensor) -> ViTMAEModelOutput:
        patches = noise[:, 0, :: self.patch, :: self.patch].flatten(1)
        # transformers keeps the patches with the lowest numbers. Visible ones come first, in reading order.
        order = patches * patches.shape[1] + torch.arange(patches.shape[1], device=patches.device)
        return self.network.vit(self._standardise(images), noise=order)

    def _predict(self, images: Tensor, noise: Tensor) -> Tensor:
        encoding = self._encode(images, noise)
        patches = self.network.decoder(encoding.last_hidden_state, encoding.ids_restore).logits
        return self.network.unpatchify(patches)

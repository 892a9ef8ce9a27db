"""The network of DiT (Peebles & Xie 2023): a transformer on patches whose normalisations depend on time and label.

Its parameters have the names of facebookresearch/DiT, so that published weights load.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unlearning.networks.denoising import time_features

FREQUENCIES = 256  # of the time embedding, as in published weights


class DiffusionTransformer(nn.Module):
    """Transformer on the patches of images (C, H, W), for the labels 0 … classes − 1 and the null label `classes`.

    Args:
        image_shape: (C, H, W), a square of whole patches.
        classes: number of labels.
        patch: side of a patch in pixels.
        width: number of features of a patch.
        depth: number of blocks.
        heads: number of attention heads.
        outputs: channels of the last layer; those beyond C are for variances, and are left out of the result.
    """

    def __init__(
        self, image_shape: list[int], classes: int, patch: int, width: int, depth: int, heads: int, outputs: int
    ):
        super().__init__()
        self.image_shape, self.patch = image_shape, patch
        channels, side, _ = image_shape
        self.x_embedder = nn.ModuleDict({"proj": nn.Conv2d(channels, width, patch, patch)})
        layers = nn.Linear(FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width)
        self.t_embedder = nn.ModuleDict({"mlp": nn.Sequential(*layers)})
        self.y_embedder = nn.ModuleDict({"embedding_table": nn.Embedding(classes + 1, width)})
        self.register_buffer("pos_embed", position_features(width, side // patch))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.final_layer = FinalLayer(width, patch**2 * outputs)
        self._initialise()

    def _initialise(self) -> None:
        """As in facebookresearch/DiT: each block is the identity at first (adaLN-Zero), and the output is 0."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        patches = self.x_embedder["proj"]
        nn.init.xavier_uniform_(patches.weight.view(len(patches.weight), -1))
        nn.init.zeros_(patches.bias)
        for part in (self.y_embedder["embedding_table"], self.t_embedder["mlp"][0], self.t_embedder["mlp"][2]):
            nn.init.normal_(part.weight, std=0.02)
        for layer in (*self.blocks, self.final_layer):
            nn.init.zeros_(layer.adaLN_modulation[1].weight)
        nn.init.zeros_(self.final_layer.linear.weight)

    def part(self, part: str, last_blocks: int | None = None) -> set[str]:
        """Names of the parameters of a part: 'labels', 'attention', or 'modulation' (adaLN).

        Args:
            part: name of the part.
            last_blocks: how many of the last blocks count; None for all. The last layer's modulation always counts.

        Returns:
            The names.
        """
        if part == "labels":
            return {"y_embedder.embedding_table.weight"}
        layer, depth = {"attention": "attn", "modulation": "adaLN_modulation"}[part], len(self.blocks)
        blocks = range(0 if last_blocks is None else depth - last_blocks, depth)
        prefixes = (f"final_layer.{layer}.", *(f"blocks.{number}.{layer}." for number in blocks))
        return {name for name, _ in self.named_parameters() if name.startswith(prefixes)}

    def forward(self, noisy: Tensor, time: Tensor, labels: Tensor) -> Tensor:
        """The prediction for noisy images.

        Args:
            noisy: (B, C, H, W).
            time: (B,), in thousandths of the whole process.
            labels: (B,).

        Returns:
            (B, C, H, W).
        """
        tokens = self.x_embedder["proj"](noisy).flatten(2).transpose(1, 2) + self.pos_embed
        condition = self.t_embedder["mlp"](time_features(time, FREQUENCIES))
        condition = condition + self.y_embedder["embedding_table"](labels)
        for block in self.blocks:
            tokens = block(tokens, condition)
        channels, height, width = self.image_shape
        # A token has the pixels of its patch by row, column and channel; `fold` wants the channel first.
        patches = self.final_layer(tokens, condition).unflatten(2, (self.patch**2, -1)).permute(0, 3, 2, 1)
        return F.fold(patches[:, :channels].flatten(1, 2), (height, width), self.patch, stride=self.patch)


class Block(nn.Module):
    """Transformer block whose normalisations are scaled and shifted by the condition (adaLN-Zero)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, 4 * width), "fc2": nn.Linear(4 * width, width)})
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))

    def forward(self, tokens: Tensor, condition: Tensor) -> Tensor:
        """(B, T, width) for tokens (B, T, width) and a condition (B, width)."""
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = self.adaLN_modulation(condition)[:, None].chunk(6, 2)
        tokens = tokens + gate * self.attn(self.norm1(tokens) * (1 + scale) + shift)
        hidden = F.gelu(self.mlp["fc1"](self.norm2(tokens) * (1 + mlp_scale) + mlp_shift), approximate="tanh")
        return tokens + mlp_gate * self.mlp["fc2"](hidden)


class Attention(nn.Module):
    """Self-attention in plain arithmetic, which has second derivatives; torch's fused attention has none."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, width) for tokens (B, T, width)."""
        query, key, value = self.qkv(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        weights = (query @ key.transpose(2, 3) / math.sqrt(query.shape[3])).softmax(3)
        return self.proj((weights @ value).transpose(1, 2).flatten(2))


class FinalLayer(nn.Module):
    """The last normalisation and the map from features to pixels."""

    def __init__(self, width: int, outputs: int):
        super().__init__()
        self.norm_final = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.linear = nn.Linear(width, outputs)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))

    def forward(self, tokens: Tensor, condition: Tensor) -> Tensor:
        """(B, T, outputs) for tokens (B, T, width) and a condition (B, width)."""
        shift, scale = self.adaLN_modulation(condition)[:, None].chunk(2, 2)
        return self.linear(self.norm_final(tokens) * (1 + scale) + shift)


def position_features(width: int, side: int) -> Tensor:
    """Sines and cosines of the patches' columns and rows, (1, side², width), as in published weights."""
    frequencies = 1 / 10000 ** (torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    angles = torch.arange(side, dtype=torch.float64)[:, None] * frequencies
    features = torch.cat([angles.sin(), angles.cos()], 1)
    columns, rows = features.repeat(side, 1), features.repeat_interleave(side, 0)
    return torch.cat([columns, rows], 1)[None].float()

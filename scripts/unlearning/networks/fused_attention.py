"""Fused attention for networks that compute attention in plain arithmetic.

The plain matrix of attention weights takes memory that grows with the square of the number of patches. Fused attention
(Dao et al. 2022; torch's `scaled_dot_product_attention`) never holds this matrix. It has first derivatives only.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from torch import Tensor, nn
from torch.nn import functional as F

from unlearning.networks.diffusion_transformer import Attention


@contextmanager
def fused_attention(model: nn.Module) -> Iterator[None]:
    """Let the attention of a `DiffusionTransformer` be fused meanwhile; other models stay as they are.

    Args:
        model: with the same parameters before, meanwhile and afterwards.

    Yields:
        None.
    """
    layers = [module for module in model.modules() if isinstance(module, Attention)]
    for layer in layers:
        layer.forward = partial(_attend, layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _attend(layer: Attention, tokens: Tensor) -> Tensor:
    """What the layer computes from tokens (B, T, width)."""
    query, key, value = layer.qkv(tokens).unflatten(2, (3, layer.heads, -1)).permute(2, 0, 3, 1, 4)
    return layer.proj(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))

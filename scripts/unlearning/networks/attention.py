"""Attention that has second derivatives."""

from diffusers.models.attention_processor import Attention, AttnProcessor
from torch import nn


def use_plain_attention(network: nn.Module) -> None:
    """Replace fused attention by plain matrix products: fused attention has no second derivatives.

    Args:
        network: a network of diffusers, changed in place.
    """
    for module in network.modules():
        if isinstance(module, Attention):
            module.set_processor(AttnProcessor())

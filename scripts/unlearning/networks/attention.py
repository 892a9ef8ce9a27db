"""Attention that has second derivatives."""

from diffusers.models.attention_processor import Attention, AttnProcessor
from torch import nn


def use_plain_attention(network: nn.Module) -> None:
    """Replace the attention of a network of diffusers by plain matrix products: fused attention is once differentiable.

    Args:
        network: changed in place.
    """
    for module in network.modules():
        if isinstance(module, Attention):
            module.set_processor(AttnProcessor())

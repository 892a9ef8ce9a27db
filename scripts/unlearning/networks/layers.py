"""What convolutional networks have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def check_sizes(image_shape: list[int], channels: list[int], groups: int) -> None:
    """Refuse sizes of a network of diffusers that do not fit images (C, H, W).

    Args:
        image_shape: (C, H, W).
        channels: feature maps at each resolution, every one half the one before.
        groups: of the group normalisations.

    Raises:
        ValueError: the images cannot be halved so often, or the groups do not divide the channels.
    """
    check_halvings(image_shape, channels, len(channels) - 1)
    if any(count % groups for count in channels):
        raise ValueError(f"groups = {groups}: does not divide all of channels = {channels}; choose a common divisor")


def check_halvings(image_shape: list[int], channels: list[int], halvings: int) -> None:
    """Refuse channels that images (C, H, W) cannot be halved often enough for.

    Raises:
        ValueError: a side is not divisible by 2 so often.
    """
    _, height, width = image_shape
    if height % 2**halvings or width % 2**halvings:
        raise ValueError(
            f"channels = {channels}: images of {height}×{width} pixels cannot be halved {halvings} times; "
            "name fewer channels"
        )


def use_plain_attention(network: nn.Module) -> None:
    """Attention written out, for the fused one has no second derivatives."""
    from diffusers.models.attention_processor import Attention, AttnProcessor  # not above: see config.py

    for module in network.modules():
        if isinstance(module, Attention):
            module.set_processor(AttnProcessor())

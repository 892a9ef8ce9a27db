"""Images as tensors (N, C, H, W): uint8 in files and in memory, floats in [0, 1] as inputs and outputs of networks."""

import torch
from torch import Tensor

CHUNK = 1000  # images at a time: this bounds the memory, and on a CPU it is faster than 10,000 images at once


def as_float(images: Tensor) -> Tensor:
    """Convert uint8 images to float32 in [0, 1]."""
    return images.float() / 255


def as_uint8(images: Tensor) -> Tensor:
    """Round float images in [0, 1] to uint8."""
    return (images * 255).round().to(torch.uint8)

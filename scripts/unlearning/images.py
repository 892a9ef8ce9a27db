"""Images as arrays: stored as uint8, (N, C, H, W), and given to models as floats in [0, 1]."""

import torch
from torch import Tensor
from torch.nn import functional as F

CHUNK = 1000  # images at a time: bounded in memory and, on a CPU, faster than 10,000 at once


def as_float(images: Tensor) -> Tensor:
    """uint8 images as float32 in [0, 1], the input of models and judge."""
    return images.float() / 255


def randomly_shifted(images: Tensor, generator: torch.Generator) -> Tensor:
    """Move each image (B, C, H, W) by −1, 0 or 1 pixels on both axes, zeros coming in."""
    count, _, height, width = images.shape
    device = images.device
    offsets = torch.randint(0, 3, (2, count, 1), generator=generator, device=device)
    rows = (offsets[0] + torch.arange(height, device=device))[:, None, :, None]
    columns = (offsets[1] + torch.arange(width, device=device))[:, None, None, :]
    image, channel = torch.arange(count, device=device)[:, None, None, None], torch.arange(images.shape[1], device=device)[:, None, None]
    return F.pad(images, (1, 1, 1, 1))[image, channel, rows, columns]

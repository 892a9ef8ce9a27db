"""Images as arrays: stored as uint8, (N, C, H, W), and given to models as floats in [0, 1]."""

from torch import Tensor

CHUNK = 1000  # images at a time: bounded in memory and, on a CPU, faster than 10,000 at once


def as_float(images: Tensor) -> Tensor:
    """uint8 images as float32 in [0, 1], the input of models and classifiers."""
    return images.float() / 255

"""Masks: which pixels of an image are hidden from a model that completes images.

A configuration describes a mask by one of three forms:

* `{centre_hole: {side: n}}` hides the n×n pixels in the centre (inpainting).
* `{centre_crop: {side: n}}` hides all pixels but the n×n in the centre (outpainting).
* `{random: {ratio: r, patch: p}}` hides round(r · N) of the N patches of p×p pixels, at random in each image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def draw_masks(mask: dict, image_shape: list[int], count: int, generator: torch.Generator) -> torch.Tensor:
    """Draw masks, which all hide the same number of pixels.

    Args:
        mask: one of the forms above. The mask must fit the images, see `unlearning.networks.constraints`.
        image_shape: (C, H, W).
        count: number of masks.
        generator: draws the patches of random masks. The other forms draw nothing.

    Returns:
        (count, 1, H, W) float32: 1 where a pixel is hidden, 0 where a pixel is visible.
    """
    import torch  # not at the top: Snakemake checks configurations in a process without torch

    ((kind, values),) = mask.items()
    _, height, width = image_shape
    if kind == "random":
        patch = values["patch"]
        rows, columns = height // patch, width // patch
        scores = torch.rand(count, rows * columns, generator=generator, device=generator.device)
        ranks = scores.argsort(1).argsort(1)
        patches = (ranks < hidden_patches(mask, image_shape)).float().view(count, 1, rows, columns)
        return patches.repeat_interleave(patch, 2).repeat_interleave(patch, 3)
    side = values["side"]
    top, left = (height - side) // 2, (width - side) // 2
    square = torch.zeros(count, 1, height, width, device=generator.device)
    square[:, :, top : top + side, left : left + side] = 1
    return square if kind == "centre_hole" else 1 - square


def hidden_patches(mask: dict, image_shape: list[int]) -> int:
    """Return the number of patches that a random mask hides in each image."""
    _, height, width = image_shape
    return round(mask["random"]["ratio"] * (height * width // mask["random"]["patch"] ** 2))

"""Masks: the pixels of an image that a model does not see and has to complete.

A mask is described by one of
    {centre_hole: {side: n}}           the n×n pixels in the centre are hidden (inpainting)
    {centre_crop: {side: n}}           only the n×n pixels in the centre are seen (outpainting)
    {random: {ratio: r, patch: p}}     round(r · patches) of the p×p patches are hidden
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def hidden(mask: dict, image_shape: list[int], count: int, generator: torch.Generator) -> torch.Tensor:
    """Draw masks, (count, 1, H, W) float: 1 where a pixel is hidden, 0 where it is seen.

    Args:
        mask: see above; right for the images, see `check`.
        image_shape: (C, H, W).
        count: number of masks; all hide the same number of pixels.
        generator: used by random masks alone.
    """
    import torch  # not above: the configuration is checked without it

    ((kind, values),) = mask.items()
    _, height, width = image_shape
    if kind == "random":
        patch = values["patch"]
        rows, columns = height // patch, width // patch
        scores = torch.rand(count, rows * columns, generator=generator, device=generator.device)
        ranks = scores.argsort(1).argsort(1)
        chosen = (ranks < _patches_hidden(mask, image_shape)).float().view(count, 1, rows, columns)
        return chosen.repeat_interleave(patch, 2).repeat_interleave(patch, 3)
    side = values["side"]
    top, left = (height - side) // 2, (width - side) // 2
    square = torch.zeros(count, 1, height, width, device=generator.device)
    square[:, :, top : top + side, left : left + side] = 1
    return square if kind == "centre_hole" else 1 - square


def check(mask: dict, image_shape: list[int]) -> None:
    """Refuse a mask that does not fit images (C, H, W).

    Raises:
        ValueError: a square that is larger than the image or has no exact centre in it, patches that do
            not tile it, or a mask that hides nothing or everything.
    """
    ((kind, values),) = mask.items()
    _, height, width = image_shape
    size = f"images of {height}×{width} pixels"
    if kind == "random":
        ratio, patch = values["ratio"], values["patch"]
        if height % patch or width % patch:
            raise ValueError(f"mask.random.patch = {patch}: does not divide {size}; choose a divisor of both sides")
        patches = height * width // patch**2
        if not 0 < _patches_hidden(mask, image_shape) < patches:
            raise ValueError(
                f"mask.random.ratio = {ratio}: hides {_patches_hidden(mask, image_shape)} of the {patches} patches "
                f"of {size}; choose a ratio that hides some and leaves some, or smaller patches"
            )
        return
    side = values["side"]
    key = f"mask.{kind}.side = {side}"
    if side > min(height, width):
        raise ValueError(f"{key}: larger than {size}; choose a smaller side")
    if side == height == width:
        effect = "everything" if kind == "centre_hole" else "nothing"
        raise ValueError(f"{key}: hides {effect} of {size}; choose a smaller side")
    if (height - side) % 2 or (width - side) % 2:
        cure = f"choose an {'odd' if height % 2 else 'even'} one" if (height - width) % 2 == 0 else "no side has one"
        raise ValueError(f"{key}: has no exact centre in {size}; {cure}")


def check_square(image_shape: list[int], patch: int) -> None:
    """Refuse images (C, H, W) for a model that sees them as a square of patches.

    Raises:
        ValueError: the images are not a square of whole patches.
    """
    _, height, width = image_shape
    if height != width or height % patch:
        raise ValueError(
            f"patch = {patch}: images of {height}×{width} pixels are not a square of whole patches; "
            "choose a divisor of the side, or other images"
        )


def check_patches(mask: dict, image_shape: list[int], patch: int) -> None:
    """Refuse a mask, itself right, that hides a part of a patch of a model that sees patches or not.

    Raises:
        ValueError: an edge of the mask does not lie between patches of `patch`×`patch` pixels.
    """
    ((kind, values),) = mask.items()
    _, height, width = image_shape
    if kind == "random":
        key, lengths = "patch", [values["patch"]]
    else:
        key, side = "side", values["side"]
        lengths = [side, (height - side) // 2, (width - side) // 2]
    if any(length % patch for length in lengths):
        raise ValueError(
            f"mask.{kind}.{key} = {values[key]}: cuts through the model's {patch}×{patch} patches in images of "
            f"{height}×{width} pixels; move its edges to multiples of {patch} pixels"
        )


def _patches_hidden(mask: dict, image_shape: list[int]) -> int:
    _, height, width = image_shape
    return round(mask["random"]["ratio"] * (height * width // mask["random"]["patch"] ** 2))

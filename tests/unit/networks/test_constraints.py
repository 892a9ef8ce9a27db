"""Constraints accept what fits the images, and refuse the rest with key, value and cure."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unlearning.networks import constraints
from unlearning.networks.masks import draw_masks


@pytest.mark.parametrize(
    ("mask", "image_shape", "message"),
    [
        ({"centre_hole": {"side": 10}}, [1, 8, 12], r"mask.centre_hole.side = 10: larger than images of 8×12 pixels"),
        ({"centre_hole": {"side": 3}}, [1, 8, 8], r"side = 3: has no exact centre in images of 8×8.*an even one"),
        ({"centre_crop": {"side": 4}}, [1, 9, 7], r"side = 4: has no exact centre in images of 9×7.*an odd one"),
        ({"centre_crop": {"side": 4}}, [1, 9, 8], r"no exact centre in images of 9×8 pixels; no side has one"),
        ({"centre_hole": {"side": 8}}, [1, 8, 8], r"hides everything"),
        ({"centre_crop": {"side": 8}}, [1, 8, 8], r"hides nothing"),
        ({"random": {"ratio": 0.5, "patch": 3}}, [1, 9, 8], r"mask.random.patch = 3: does not divide images of 9×8"),
        ({"random": {"ratio": 0.1, "patch": 4}}, [1, 8, 8], r"ratio = 0.1: hides 0 of the 4 patches"),
        ({"random": {"ratio": 0.9, "patch": 4}}, [1, 8, 8], r"ratio = 0.9: hides 4 of the 4 patches"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused_with_its_key_and_a_cure(mask, image_shape, message):
    with pytest.raises(ValueError, match=message):
        constraints.mask_fits_image({"mask": mask}, image_shape)


@given(
    st.sampled_from(["centre_hole", "centre_crop", "random"]),
    st.integers(1, 14),
    st.integers(1, 6),
    st.integers(1, 4),
    st.integers(0, 2),
)
def test_a_mask_accepted_for_patches_hides_each_of_them_whole_or_not_at_all(kind, side, patch, count, halvings):
    """Likewise for codes, which stand for 2^halvings pixels in either direction."""
    for size, require, parameters in (
        (patch, constraints.mask_follows_patches, {"patch": patch}),
        (2**halvings, constraints.mask_follows_codes, {"channels": [4] * (halvings + 1)}),
    ):
        length = size * side * count if kind == "random" else size * count
        image_shape = [1, length, length]
        parameters["mask"] = {kind: {"ratio": 0.5, "patch": side} if kind == "random" else {"side": side}}
        try:
            constraints.mask_fits_image(parameters, image_shape)
        except ValueError:
            continue
        pixels = draw_masks(parameters["mask"], image_shape, 30, torch.Generator().manual_seed(0))
        corners = pixels[:, :, ::size, ::size]
        if torch.equal(corners.repeat_interleave(size, 2).repeat_interleave(size, 3), pixels):
            require(parameters, image_shape)
        else:
            with pytest.raises(ValueError, match=rf"cuts through the model's {size}×{size} patches"):
                require(parameters, image_shape)


@pytest.mark.parametrize(
    ("constraint", "accepted", "refused", "message"),
    [
        (
            constraints.heads_divide_width,
            [{"heads": 4, "width": 8}, {"heads": 1, "width": 8, "decoder_heads": 3, "decoder_width": 12}],
            {"heads": 3, "width": 8},
            r"^heads = 3: does not divide width = 8; choose a divisor$",
        ),
        (
            constraints.heads_divide_width,
            [],
            {"heads": 4, "width": 8, "decoder_heads": 3, "decoder_width": 8},
            r"^decoder_heads = 3: does not divide decoder_width = 8; choose a divisor$",
        ),
        (
            constraints.patches_tile_image,
            [{"patch": 1}, {"patch": 4}, {"patch": 12}],
            {"patch": 5},
            r"^patch = 5: images of 12×12 pixels are not a square of whole patches; choose a divisor of the side",
        ),
        (
            constraints.groups_divide_channels,
            [{"groups": 2, "channels": [4, 6]}, {"groups": 1, "channels": [7]}],
            {"groups": 4, "channels": [4, 6]},
            r"^groups = 4: does not divide all of channels = \[4, 6\]; choose a common divisor$",
        ),
        (
            constraints.image_can_be_halved,
            [{"channels": [1]}, {"channels": [1, 2, 3]}],
            {"channels": [1, 2, 3, 4]},
            r"^channels = \[1, 2, 3, 4\]: images of 12×12 pixels cannot be halved 3 times; name fewer channels$",
        ),
        (
            constraints.image_can_be_halved_per_channel,
            [{"channels": [1]}, {"channels": [1, 2]}],
            {"channels": [1, 2, 3]},
            r"^channels = \[1, 2, 3\]: images of 12×12 pixels cannot be halved 3 times; name fewer channels$",
        ),
    ],
)
def test_sizes_are_accepted_up_to_the_last_that_fits(constraint, accepted, refused, message):
    for parameters in accepted:
        constraint(parameters, [3, 12, 12])
    with pytest.raises(ValueError, match=message):
        constraint(refused, [3, 12, 12])


@pytest.mark.parametrize("image_shape", [[1, 8, 9], [1, 9, 8]])
def test_both_sides_of_an_image_count(image_shape):
    for constraint, parameters in (
        (constraints.image_can_be_halved, {"channels": [4, 8]}),
        (constraints.image_can_be_halved_per_channel, {"channels": [4]}),
        (constraints.patches_tile_image, {"patch": 1}),
    ):
        with pytest.raises(ValueError, match=f"images of {image_shape[1]}×{image_shape[2]} pixels"):
            constraint(parameters, image_shape)

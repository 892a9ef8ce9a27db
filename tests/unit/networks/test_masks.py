"""Masks against their definition, pixel by pixel."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from unlearning.config.load import experiment_schema
from unlearning.networks.constraints import mask_fits_image
from unlearning.networks.masks import draw_masks

SIDES = st.integers(1, 14)


def draw(mask, image_shape, count=5, seed=0):
    return draw_masks(mask, image_shape, count, torch.Generator().manual_seed(seed))


@given(st.integers(1, 10), st.integers(0, 5), st.integers(0, 5), st.sampled_from(["centre_hole", "centre_crop"]))
def test_a_square_leaves_the_same_border_on_opposite_sides(side, above, beside, kind):
    mask, image_shape = {kind: {"side": side}}, [3, side + 2 * above, side + 2 * beside]
    if above == beside == 0:
        with pytest.raises(ValueError, match=r"hides (everything|nothing) of images"):
            mask_fits_image({"mask": mask}, image_shape)
        return
    mask_fits_image({"mask": mask}, image_shape)
    hidden = draw(mask, image_shape, count=2)
    assert hidden.shape == (2, 1, *image_shape[1:])
    for row in range(image_shape[1]):
        for column in range(image_shape[2]):
            inside = above <= row < above + side and beside <= column < beside + side
            assert hidden[:, 0, row, column].tolist() == [float(inside == (kind == "centre_hole"))] * 2


@given(SIDES, SIDES, st.integers(1, 4), st.floats(0.01, 0.99), st.integers(0, 1000))
def test_random_masks_hide_whole_patches_as_many_in_every_image(rows, columns, patch, ratio, seed):
    mask, image_shape = {"random": {"ratio": ratio, "patch": patch}}, [1, rows * patch, columns * patch]
    patches = rows * columns
    expected = round(ratio * patches)
    if expected in (0, patches):
        with pytest.raises(ValueError, match=f"ratio = {ratio}: hides {expected} of the {patches} patches"):
            mask_fits_image({"mask": mask}, image_shape)
        return
    mask_fits_image({"mask": mask}, image_shape)
    for image in draw(mask, image_shape, seed=seed)[:, 0].tolist():
        corners = [line[::patch] for line in image[::patch]]
        assert sum(map(sum, corners)) == expected
        assert image == [[corners[i // patch][j // patch] for j in range(len(image[0]))] for i in range(len(image))]


def test_random_masks_depend_on_the_generator_alone_and_every_patch_has_its_share():
    mask = {"random": {"ratio": 0.25, "patch": 2}}
    first, same, other = (draw(mask, [1, 8, 8], count=4000, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    deviation = (0.25 * 0.75 / 4000) ** 0.5
    assert (first.mean(0) - 0.25).abs().max() < 5 * deviation


@pytest.mark.parametrize(
    ("mask", "valid"),
    [
        ({"centre_crop": {"side": 2}}, True),
        ({"random": {"ratio": 0.5, "patch": 2}}, True),
        ({}, False),
        ({"centre_hole": {"side": 2}, "centre_crop": {"side": 2}}, False),
        ({"centre": {"side": 2}}, False),
        ({"centre_hole": {"side": 0}}, False),
        ({"random": {"ratio": 1, "patch": 2}}, False),
        ({"random": {"ratio": 0.5}}, False),
    ],
)
def test_a_configuration_has_exactly_one_mask_with_all_its_keys(mask, valid):
    assert Draft202012Validator(experiment_schema()["$defs"]["mask"]).is_valid(mask) == valid

"""Masks against their definition, pixel by pixel, and what does not fit an image."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from unlearning.config.load import experiment_schema
from unlearning.networks import masks

SIDES = st.integers(1, 14)


def draw(mask, image_shape, count=5, seed=0):
    return masks.hidden(mask, image_shape, count, torch.Generator().manual_seed(seed))


@given(st.integers(1, 10), st.integers(0, 5), st.integers(0, 5), st.sampled_from(["centre_hole", "centre_crop"]))
def test_a_square_leaves_the_same_border_on_opposite_sides(side, above, beside, kind):
    mask, image_shape = {kind: {"side": side}}, [3, side + 2 * above, side + 2 * beside]
    if above == beside == 0:
        with pytest.raises(ValueError, match=r"hides (everything|nothing) of images"):
            masks.check(mask, image_shape)
        return
    masks.check(mask, image_shape)
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
    wanted = round(ratio * patches)
    if wanted in (0, patches):
        with pytest.raises(ValueError, match=f"ratio = {ratio}: hides {wanted} of the {patches} patches"):
            masks.check(mask, image_shape)
        return
    masks.check(mask, image_shape)
    for image in draw(mask, image_shape, seed=seed)[:, 0].tolist():
        corners = [line[::patch] for line in image[::patch]]
        assert sum(map(sum, corners)) == wanted
        assert image == [[corners[i // patch][j // patch] for j in range(len(image[0]))] for i in range(len(image))]


def test_random_masks_depend_on_the_generator_alone_and_every_patch_has_its_share():
    mask = {"random": {"ratio": 0.25, "patch": 2}}
    first, same, other = (draw(mask, [1, 8, 8], count=4000, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    deviation = (0.25 * 0.75 / 4000) ** 0.5
    assert (first.mean(0) - 0.25).abs().max() < 5 * deviation


@pytest.mark.parametrize(
    ("mask", "image_shape", "said"),
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
def test_a_mask_that_does_not_fit_is_refused_with_its_key_and_a_cure(mask, image_shape, said):
    with pytest.raises(ValueError, match=said):
        masks.check(mask, image_shape)


@given(st.sampled_from(["centre_hole", "centre_crop", "random"]), SIDES, st.integers(1, 6), st.integers(1, 4))
def test_a_mask_accepted_for_patches_hides_each_of_them_whole_or_not_at_all(kind, side, patch, count):
    length = patch * side * count if kind == "random" else patch * count
    image_shape = [1, length, length]
    mask = {kind: {"ratio": 0.5, "patch": side} if kind == "random" else {"side": side}}
    try:
        masks.check(mask, image_shape)
    except ValueError:
        return
    pixels = draw(mask, image_shape, count=30)
    corners = pixels[:, :, ::patch, ::patch]
    if torch.equal(corners.repeat_interleave(patch, 2).repeat_interleave(patch, 3), pixels):
        masks.check_patches(mask, image_shape, patch)
    else:
        with pytest.raises(ValueError, match=rf"cuts through the model's {patch}×{patch} patches"):
            masks.check_patches(mask, image_shape, patch)


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

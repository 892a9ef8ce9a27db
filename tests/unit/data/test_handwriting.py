"""Thickness and slant of strokes whose measures are known, and the attributes made of them."""

import numpy as np
import pytest

from unlearning.data import handwriting
from unlearning.data.handwriting import QUANTILE, slant, thickness
from unlearning.datasets import digits


def bar(width, lean=0.0, size=28):
    """An upright bar of a width in pixels, each row shifted right by `lean` times its height above the middle."""
    y, x = np.mgrid[:size, :size]
    centre = size / 2 - 0.5 - lean * (y - size / 2 + 0.5)
    inside = (np.abs(x - centre) < width / 2) & (np.abs(y - size / 2 + 0.5) < 9)
    return (255 * inside).astype(np.uint8)


@pytest.mark.parametrize("width", [3, 5, 7])
def test_the_thickness_of_a_bar_is_its_width_but_for_a_pixel(width):
    assert thickness(bar(width)[None])[0] == pytest.approx(width, abs=1)


def test_thickness_depends_neither_on_the_other_images_nor_on_brightness():
    alone = [thickness(bar(width)[None])[0] for width in (3, 7)]
    together = thickness(np.stack([bar(3), bar(7)]))
    assert together.tolist() == alone == thickness(np.stack([bar(3), bar(7)]) // 3).tolist()
    assert alone[0] < alone[1]


def test_small_images_are_enlarged_so_that_thickness_keeps_its_unit():
    small = np.zeros((8, 8), np.uint8)
    small[1:7, 3:6] = 255
    assert thickness(small[None])[0] == pytest.approx(3, abs=0.7)


@pytest.mark.parametrize("lean", [-0.5, 0.0, 0.25, 0.5])
def test_slant_is_the_angle_of_a_leaning_bar(lean):
    assert slant(bar(3, lean)[None])[0] == pytest.approx(np.arctan(lean), abs=0.03)


def test_empty_images_have_measures():
    empty = np.zeros((2, 28, 28), np.uint8)
    assert thickness(empty).tolist() == slant(empty).tolist() == [0, 0]


def test_a_quarter_of_the_training_images_has_each_attribute(tmp_path):
    digits.fetch(tmp_path, None)
    data = digits.read(tmp_path)
    assert data.attribute_names == handwriting.ATTRIBUTES == digits.DATASET["attributes"]
    shares = data.attributes[data.train].mean(axis=0)
    assert shares == pytest.approx([1 - QUANTILE] * 2, abs=0.01)
    assert data.attributes[~data.train].mean(axis=0) == pytest.approx([1 - QUANTILE] * 2, abs=0.08)

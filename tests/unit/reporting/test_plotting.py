"""The look of figures."""

import itertools

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from unlearning.reporting import plotting
from unlearning.reporting.plotting import colors, markers, mean_and_range


def test_a_method_looks_the_same_everywhere_and_like_no_other():
    many = [f"method{number}" for number in range(40)]
    looks = list(
        zip([colors(many)[method] for method in many], [markers(many)[method] for method in many], strict=True)
    )
    assert len(set(looks)) == 40
    assert colors(many)["original"] not in [colors(many)[method] for method in many]
    assert colors(many[:3])["method2"] == colors(many)["method2"]


@given(st.floats(-1e6, 1e6), st.integers(1, 10))
def test_the_mean_of_equal_values_lies_on_them_and_not_beside_them_by_rounding(value, count):
    assert mean_and_range(pd.Series([value] * count)) == (value, [[0], [0]])


def test_names_of_many_classes_do_not_overlap_in_a_small_panel():
    plotting.use_style()
    labels, numbered = plotting.labels_of_classes([f"{number} classes of flowers" for number in range(102)])
    assert not numbered
    figure, axes = plotting.panels(["uno"])
    plotting.label_classes(axes["uno"], labels)
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in axes["uno"].get_xticklabels()]
    assert len(boxes) > 10
    assert not any(first.overlaps(second) for first, second in itertools.pairwise(boxes))


def test_classes_have_numbers_if_no_font_has_their_letters(monkeypatch):
    monkeypatch.setattr(plotting, "FURTHER_FONTS", ())
    plotting.use_style()
    assert plotting.labels_of_classes(["größe", "Ω"]) == (["größe", "Ω"], False)
    assert plotting.labels_of_classes(["cat", "猫"]) == (["0", "1"], True)

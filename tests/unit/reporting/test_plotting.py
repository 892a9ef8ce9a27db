"""The look of figures."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

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

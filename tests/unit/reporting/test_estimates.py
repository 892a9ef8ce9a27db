"""Means with errors, and their ratios."""

import numpy as np
import pytest
from scipy import stats

from unlearning.reporting.estimates import Estimate


def test_the_error_of_a_ratio_is_that_of_many_repetitions():
    generator = np.random.default_rng(0)
    over, under = generator.normal(5, 1, (20000, 10)).mean(1), generator.normal(-100, 20, (20000, 10)).mean(1)
    ratio = Estimate.of(5, 1, 10).over(Estimate.of(-100, 20, 10))
    assert ratio.mean == -0.05
    assert np.sqrt(ratio.squared_error) == pytest.approx(np.std(over / under), rel=0.05)


@pytest.mark.parametrize(("runs", "ddof"), [(2, 1), (3, 1), (10, 1), (10, 0)])
def test_the_margin_is_that_of_scipys_t_interval(runs, ddof):
    """Two standard errors are 16 % of this at two runs. A published deviation divides by n."""
    values = np.random.default_rng(runs).normal(5, 2, runs)
    low, high = stats.ttest_1samp(values, 0).confidence_interval()
    found = Estimate.of(values.mean(), values.std(ddof=ddof), runs, ddof=ddof)
    assert [found.mean - found.margin, found.mean + found.margin] == pytest.approx([low, high])


def test_the_degrees_of_a_ratio_are_scipys_of_welchs_test():
    """By the delta method, a / b with b = 1 has the error of a difference of a and b."""
    over, under = np.random.default_rng(0).normal(0, [[1], [3]], (2, 4))
    over, under = over - over.mean() + 1, (under - under.mean())[:3] - np.mean((under - under.mean())[:3]) + 1
    ratio = Estimate.of(1, over.std(ddof=1), 4).over(Estimate.of(1, under.std(ddof=1), 3))
    welch = stats.ttest_ind(over, under, equal_var=False)
    assert ratio.degrees == pytest.approx(welch.df)
    assert ratio.margin == pytest.approx(np.ptp(welch.confidence_interval()) / 2)


def test_an_error_that_is_not_known_makes_no_margin():
    unknown, known = Estimate.of(3, 0.5, np.nan), Estimate.of(6, 0.6, 3)
    assert unknown.margin == Estimate.of(3, np.nan, 1).margin == 0
    assert known.over(unknown).margin == pytest.approx(known.margin / 3)

"""Intervals and tests over seeds, against textbook cases and simulations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unlearning.reporting.significance import bootstrap_interval, holm, sign_flip_p


@pytest.mark.parametrize(("seeds", "covered"), [(2, 0.5), (3, 0.75), (5, 0.92), (10, 0.95), (20, 0.95)])
def test_intervals_cover_the_true_mean_as_often_as_they_can(seeds, covered):
    """Plain 2.5 and 97.5 % percentiles do so for 80, 84 and 90 % of the samples of 4, 5 and 10 normal values."""
    samples = np.random.default_rng(0).normal(size=(600, seeds))
    hits = [low <= 0 <= high for low, high in (bootstrap_interval(sample, resamples=2000) for sample in samples)]
    assert np.mean(hits) == pytest.approx(covered, abs=0.03)
    assert covered <= 1 - 2.0 ** (1 - seeds) + 1e-9


def test_sign_flips_are_exact():
    """All eight flips of (1, 2, 3) have means ±6, ±4, ±2, ±0 thirds: two of eight are as far out."""
    assert sign_flip_p(np.array([1.0, 2, 3])) == pytest.approx(2 / 8)
    assert sign_flip_p(np.arange(1.0, 11)) == pytest.approx(2 / 2**10)
    assert sign_flip_p(np.array([1.0, -1])) == 1


def test_holm_on_the_textbook_case():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([])).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_lies_between_no_correction_and_bonferroni(p):
    p = np.array(p)
    assert (holm(p) >= p - 1e-12).all()
    assert (holm(p) <= np.minimum(1, p * len(p)) + 1e-12).all()


def test_bootstrap_interval_of_many_values_is_that_of_the_central_limit():
    values = np.random.default_rng(0).normal(3, 2, 4000)
    low, high = bootstrap_interval(values, resamples=2000)
    expected = stats.norm.interval(0.95, values.mean(), values.std() / np.sqrt(4000))
    np.testing.assert_allclose([low, high], expected, atol=0.01)
    assert (low, high) == bootstrap_interval(values, resamples=2000)

"""Intervals and tests over seeds, against textbook cases and simulations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unlearning.reporting.significance import bootstrap_interval, holm, kaplan_meier_median, sign_flip_p


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


@given(st.lists(st.integers(1, 9) | st.none(), min_size=1, max_size=12))
def test_the_median_is_kaplan_and_meiers_where_all_runs_are_watched_to_the_same_end(steps):
    """Against scipy's product-limit estimate: None is a run that is censored at step 10."""
    events = [step for step in steps if step is not None]
    curve = stats.ecdf(stats.CensoredData(uncensored=events, right=[10] * (len(steps) - len(events)))).sf
    reached = curve.quantiles[(curve.probabilities <= 0.5 + 1e-12) & (curve.quantiles < 10)]
    times = np.array([10 if step is None else step for step in steps], float)
    median = kaplan_meier_median(times, np.array([step is None for step in steps]))
    assert median == ((reached[0], True) if len(reached) else (10, False))


def test_a_run_that_diverged_or_had_faster_steps_stays_among_those_that_never_unlearned():
    """Censored early, seven of ten runs would leave the estimate, and the other three would be all of it."""
    diverged = np.array([5.0] * 7 + [100.0] * 3)
    assert kaplan_meier_median(diverged, np.array([True] * 7 + [False] * 3)) == (5, False)
    faster = np.array([20.0] * 6 + [24.0] * 4)
    assert kaplan_meier_median(faster, np.array([True] * 6 + [False] * 4)) == (20, False)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=12))
def test_a_median_that_was_not_reached_is_no_smaller_than_its_bound(runs):
    """Each run has a time, and one until which it is watched: a run watched long says nothing of the others."""
    times, watched = np.array(runs, float).T
    median, known = kaplan_meier_median(np.minimum(times, watched), times > watched)
    if not known:
        assert median <= np.sort(times)[(len(times) - 1) // 2]

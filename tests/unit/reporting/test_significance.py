"""Intervals and tests over seeds, against textbook cases and simulations."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unlearning.reporting.significance import (
    FEWEST_FOR_MEDIAN,
    fieller_interval,
    holm,
    kaplan_meier_median,
    median_interval,
    sign_flip_p,
    t_margin,
)

REPETITIONS = 20000


def share_within(margins, means, truth):
    return np.mean(np.abs(means - truth) <= margins)


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_students_interval_contains_the_mean_of_normal_values(seeds):
    values = np.random.default_rng(seeds).normal(3, 2, (REPETITIONS, seeds))
    assert 0.94 <= share_within(t_margin(values), values.mean(axis=1), 3) <= 0.96


@pytest.mark.parametrize(("seeds", "covered"), [(2, 0.89), (3, 0.84), (5, 0.82), (10, 0.84)])
def test_students_interval_contains_the_mean_of_log_normal_values_as_often_as_is_said(seeds, covered):
    values = np.random.default_rng(seeds).lognormal(size=(REPETITIONS, seeds))
    assert share_within(t_margin(values), values.mean(axis=1), np.exp(0.5)) == pytest.approx(covered, abs=0.01)


@pytest.mark.parametrize("seeds", [6, 7, 10, 20])
@pytest.mark.parametrize("distribution", ["normal", "lognormal", "standard_cauchy"])
def test_intervals_of_the_median_hold_for_every_distribution(seeds, distribution):
    generator = np.random.default_rng(seeds)
    values = getattr(generator, distribution)(size=(REPETITIONS, seeds))
    low, high = median_interval(values)
    median = {"normal": 0, "lognormal": 1, "standard_cauchy": 0}[distribution]
    assert np.mean((low <= median) & (median <= high)) >= 0.945


def test_no_narrower_pair_of_order_statistics_has_95_per_cent():
    """Counted: the k-th smallest of n values lies above the median if fewer than k of n fair coins show heads."""
    for n in range(FEWEST_FOR_MEDIAN, 60):
        low, high = median_interval(np.arange(n))
        missed = [Fraction(2 * sum(comb(n, heads) for heads in range(k)), 2**n) for k in (int(low) + 1, int(low) + 2)]
        assert missed[0] <= Fraction(1, 20) < missed[1]
        assert low + high == n - 1
    assert Fraction(2, 2 ** (FEWEST_FOR_MEDIAN - 1)) > Fraction(1, 20), "fewer values have no such interval"


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
@pytest.mark.parametrize("distance", [0.5, 5.0])
def test_fiellers_set_contains_the_ratio_of_correlated_means(seeds, distance):
    """It is all numbers, or all but an interval, where the denominator cannot be told from 0: never less than 95 %."""
    generator = np.random.default_rng(seeds)
    shared, x, y = generator.normal(size=(3, REPETITIONS, seeds))
    denominators, numerators = distance + y + shared, 0.7 * distance + 2 * x + shared
    low, high = fieller_interval(numerators, denominators)
    deviations = numerators - 0.7 * denominators
    in_set = share_within(t_margin(deviations), deviations.mean(axis=1), 0)
    assert 0.94 <= in_set <= 0.96
    bounded = np.isfinite(low)
    told_apart = stats.ttest_rel(numerators, numerators - denominators, axis=1).pvalue < 0.05
    np.testing.assert_array_equal(bounded, told_apart)
    expected = np.abs(deviations.mean(axis=1)) <= t_margin(deviations)
    np.testing.assert_array_equal(((low <= 0.7) & (high >= 0.7))[bounded], expected[bounded])


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

"""Intervals of shares: closed forms, and simulated coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unlearning.evaluation.shares import difference_interval, share_interval, share_value


@given(st.integers(1, 10**5).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_one_network_has_the_score_interval(hits_of_total):
    hits, total = hits_of_total
    expected = stats.binomtest(hits, total).proportion_ci(method="wilson")
    assert share_interval(np.array([hits]), total) == pytest.approx((expected.low, expected.high), abs=1e-6)
    value = share_value(np.array([hits]), total)
    assert (value.value, value.low, value.high) == pytest.approx(
        (100 * hits / total, 100 * expected.low, 100 * expected.high), abs=1e-4
    )


def test_intervals_of_several_looks_are_those_of_a_smaller_error_rate():
    expected = stats.binomtest(20, 1000).proportion_ci(method="wilson", confidence_level=1 - 0.05 / 50)
    assert share_interval(np.array([20]), 1000, looks=50) == pytest.approx((expected.low, expected.high))


@given(st.lists(st.integers(0, 50), min_size=2, max_size=6))
def test_disagreement_widens_the_interval_which_stays_a_share(counts):
    counts = np.array(counts)
    low, high = share_interval(counts, 50)
    narrow_low, narrow_high = share_interval(np.array([counts.mean()]), 50)
    assert 0 <= low <= narrow_low + 1e-12 <= counts.mean() / 50 + 2e-12
    assert counts.mean() / 50 - 2e-12 <= narrow_high - 1e-12 <= high <= 1


def test_of_many_samples_the_judge_alone_is_left_and_the_interval_is_students():
    counts = np.array([2.1e10, 2.6e10, 3.3e10, 2.4e10, 2.2e10])
    expected = stats.ttest_1samp(counts / 1e12, 0).confidence_interval(0.95)
    assert share_interval(counts, 10**12) == pytest.approx((expected.low, expected.high), rel=1e-3)
    assert difference_interval(counts, 10**12, np.zeros(5), 10**12) == pytest.approx(
        (expected.low, expected.high), rel=1e-3
    )


# In runs like ours: the share, and the standard deviation of the networks' bias.
SHARES = [(0.02, 0.0), (0.02, 0.004), (0.02, 0.008), (0.1, 0.02), (0.5, 0.05)]


@pytest.mark.parametrize("networks", [2, 3, 5, 10])
@pytest.mark.parametrize("samples", [2000, 10_000])
def test_intervals_contain_the_share_of_the_population_of_judges(networks, samples):
    """Networks have beta-distributed shares, whose mean is the true one. They see the same samples."""
    generator = np.random.default_rng(0)
    runs = 20_000
    for share, spread in SHARES:
        of_networks = np.full((runs, networks), share)
        if spread:
            size = share * (1 - share) / spread**2 - 1
            of_networks = generator.beta(share * size, (1 - share) * size, (runs, networks))
        # A common error of sampling, because the samples are the same.
        common = generator.normal(size=(runs, 1)) * np.sqrt(of_networks * (1 - of_networks) / samples)
        for counts in (
            np.round(samples * np.clip(of_networks + common, 0, 1)),
            generator.binomial(samples, of_networks),
        ):
            low, high = share_interval(counts, samples)
            covered = ((low <= share) & (share <= high)).mean()
            assert covered >= 0.94, (share, spread, covered)


def test_measurements_may_have_different_numbers_of_samples():
    counts, totals = np.array([[3, 5], [40, 41]]), np.array([100, 2000])
    low, high = share_interval(counts, totals, looks=4)
    expected = [share_interval(of_look, total, looks=4) for of_look, total in zip(counts, totals, strict=True)]
    assert list(zip(low, high, strict=True)) == expected
    low, high = difference_interval(counts, totals, np.array([1, 2]), 500)
    expected = [
        difference_interval(of_look, total, np.array([1, 2]), 500)
        for of_look, total in zip(counts, totals, strict=True)
    ]
    assert list(zip(low, high, strict=True)) == expected


@pytest.mark.parametrize("share", [0.0005, 0.001, 0.002, 0.02, 0.06, 0.08, 0.1])
def test_looks_that_decide_how_many_samples_are_drawn_keep_their_error_rate(share):
    """The rule of `ForgottenCounter`: a quarter of the samples, and the rest only near the threshold."""
    generator, runs, samples, threshold = np.random.default_rng(1), 20_000, 2000, 0.02
    first, rest = samples // 4, samples - samples // 4
    counts, totals = generator.binomial(first, share, runs), np.full(runs, first)
    near = (counts > threshold / 20 * first) & (counts < 4 * threshold * first)
    counts = counts + near * generator.binomial(rest, share, runs)
    totals = totals + near * rest
    low, high = share_interval(counts[:, None], totals, looks=2)
    # A score interval of so rare an event covers a little less than it should, with one stage, too.
    assert ((low <= share) & (share <= high)).mean() >= 0.945


def test_differences_are_newcombes():
    """Newcombe (1998), table II, row (a): 56/70 − 48/80 has the interval .0524 to .3339 by method 10."""
    low, high = difference_interval(np.array([56]), 70, np.array([48]), 80)
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=5e-5)

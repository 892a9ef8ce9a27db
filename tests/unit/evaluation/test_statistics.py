"""Statistics against second implementations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import cdist
from sklearn.metrics import roc_auc_score

from unlearning.evaluation.statistics import (
    at_most,
    moments,
    share_below,
    squared_distances,
    trimmed_mean,
    wilson_interval,
)


@given(st.integers(1, 10**6).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_wilson_interval_equals_scipys(hits_of_total):
    hits, total = hits_of_total
    expected = stats.binomtest(hits, total).proportion_ci(method="wilson")
    assert wilson_interval(hits / total, total) == pytest.approx((expected.low, expected.high), abs=1e-7)


def test_trimmed_mean_ignores_a_hiccup_and_keeps_two_kinds_of_steps():
    assert trimmed_mean(np.array([1.0] * 19 + [1000.0])) == 1
    assert trimmed_mean(np.array([1.0, 3.0] * 10)) == 2
    assert trimmed_mean(np.array([4.0])) == 4


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 999))
def test_the_mean_share_below_is_the_area_under_the_roc_curve(n, m, seed):
    generator = np.random.default_rng(seed)
    values, others = generator.integers(0, 8, n).astype(float), generator.integers(0, 8, m).astype(float)
    expected = roc_auc_score(np.repeat([1, 0], [n, m]), np.concatenate([values, others]))
    assert share_below(values, np.zeros(n), others, np.zeros(m)).mean() == pytest.approx(expected)


def test_shares_below_are_within_labels_and_of_labels_that_both_have():
    shares = share_below(
        np.array([1.0, 5.0, 5.0]), np.array([0, 1, 2]), np.array([0.0, 2, 9, 9]), np.array([0, 0, 1, 0])
    )
    np.testing.assert_allclose(shares, [1 / 3, 0])


@given(st.integers(2, 30), st.integers(1, 5), st.integers(0, 999))
def test_moments_are_numpys_also_of_half_precision(n, size, seed):
    features = np.random.default_rng(seed).normal(100, 1, size=(n, size)).astype(np.float16)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("unlearning.evaluation.statistics.BLOCK", 7)
        mean, covariance = moments(features)
    np.testing.assert_allclose(mean, features.astype(float).mean(0))
    np.testing.assert_allclose(covariance, np.atleast_2d(np.cov(features.astype(float), rowvar=False)), atol=1e-12)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 999))
def test_squared_distances_are_scipys(n, m, seed):
    generator = np.random.default_rng(seed)
    first, second = generator.normal(size=(n, 3)), generator.normal(size=(m, 3))
    (_, distances), *_ = squared_distances(first, second)
    np.testing.assert_allclose(distances, cdist(first, second, "sqeuclidean"), atol=1e-12)


def test_squared_distances_do_not_depend_on_where_the_origin_is():
    first, second = np.random.default_rng(0).integers(0, 999, size=(2, 9, 3)) / 1024  # exact also beside the offset
    (_, distances), *_ = squared_distances(first + 1e6, second + 1e6)
    np.testing.assert_allclose(distances, cdist(first, second, "sqeuclidean"), atol=1e-12)


@given(st.integers(0, 30), st.integers(0, 30))
def test_at_most_draws_different_rows_and_the_same_ones_again(rows, count):
    selection = at_most(np.arange(rows), count)
    assert len(set(selection.tolist())) == len(selection) == min(rows, count)
    np.testing.assert_array_equal(selection, at_most(np.arange(rows), count))

"""Medians of censored times, intervals and tests over seeds.

Functions import SciPy when they are called, because the import takes longer than most tables.
"""

import math

import numpy as np


def kaplan_meier_median(times: np.ndarray, censored: np.ndarray) -> tuple[float, bool]:
    """Find the first time by which half of the runs reached an event (Kaplan & Meier 1958).

    All runs had the same number of steps to reach the event in. A run that did not reach it counts as censored after
    every event, whether it took less time for the last step than others, or diverged on the way: no run was lost from
    sight. The product-limit estimate is then the plain share of runs.

    Args:
        times: (n,) time of the event; for a censored run, how long it was observed.
        censored: (n,) True where the run did not reach the event.

    Returns:
        The median, and whether half of the runs reached the event. If fewer did, the first number is a lower bound of
        the median: no run reached the event in less time than it was observed.
    """
    middle = (len(times) - 1) // 2
    median = np.sort(np.where(censored, np.inf, times))[middle]
    reached = bool(np.isfinite(median))
    return float(median if reached else np.sort(times)[middle]), reached


def bootstrap_interval(values: np.ndarray, resamples: int = 9999) -> tuple[float, float]:
    """Estimate the 95 % interval of a mean by resampling its values.

    Plain percentiles of few values are too narrow: those of 95 % contain the mean of ten normal values 90 % of the
    time. The percentiles are therefore further out, by as much as Student's t is wider than the normal distribution
    (the expanded percentiles of Hesterberg 2015, https://arxiv.org/abs/1411.5279).

    Args:
        values: (n,) values, n > 1.
        resamples: Number of resamples.

    Returns:
        Lower and upper end. The same values give the same interval.
    """
    from scipy.stats import bootstrap, norm, t

    n = len(values)
    level = 1 - 2 * norm.sf(math.sqrt(n / (n - 1)) * t.isf(0.025, n - 1))
    result = bootstrap((values,), np.mean, n_resamples=resamples, method="percentile", confidence_level=level, rng=0)
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def sign_p(signs: np.ndarray) -> float:
    """Test by the exact sign test whether -1 is as likely as 1.

    Args:
        signs: (n,) -1, 0 or 1. Zeros carry no information.

    Returns:
        The two-sided p-value.
    """
    from scipy.stats import binomtest

    decided = signs[signs != 0]
    return float(binomtest(int((decided > 0).sum()), len(decided)).pvalue) if len(decided) else 1.0


def sign_flip_p(differences: np.ndarray) -> float:
    """Test by flips of signs whether paired differences are symmetric about 0.

    The test uses all 2ⁿ flips, and from n = 14 on 9,999 random flips.

    Args:
        differences: (n,) differences.

    Returns:
        The two-sided p-value.
    """
    from scipy.stats import permutation_test

    result = permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=9999, rng=0)
    return float(result.pvalue)


def holm(p: np.ndarray) -> np.ndarray:
    """Correct p-values for the number of tests (Holm 1979).

    The i-th smallest of k p-values is multiplied by k - i + 1. The result is at most 1, and at least as large as the
    results of all smaller p-values.

    Args:
        p: (k,) p-values.

    Returns:
        (k,) corrected p-values.
    """
    order = np.argsort(p)
    raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return np.minimum(raised, 1)[np.argsort(order)]

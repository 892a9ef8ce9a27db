"""Statistics that the evaluation rests on."""

import math
from collections.abc import Iterator

import numpy as np

BLOCK = 1000  # rows at a time of large matrices


def wilson_interval(hits: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's 95 % interval for a share of `hits` in `total` (Wilson 1927)."""
    share = hits / total
    middle = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def trimmed_mean(values: np.ndarray) -> float:
    """Mean without the lowest and the highest tenth: neither a hiccup of the machine nor, as a median
    would, one of two alternating kinds of step decides it."""
    cut = len(values) // 10
    return float(np.sort(values)[cut : len(values) - cut].mean())


def kaplan_meier_median(times: np.ndarray, censored: np.ndarray) -> tuple[float, bool]:
    """The first time by which half of the runs reached an event (Kaplan & Meier 1958), and whether so many ever did.

    Where fewer did, the first number is a lower bound of the median: no run's time is shorter than it was observed.

    All runs had the same number of steps to reach it in. One that did not, whether it went to the last
    step, took less time for it than others, or diverged on the way, was never lost from sight: it counts
    as censored after every event, where the product-limit estimate is the plain share of runs.

    Args:
        times: (n,) when the event came; where it did not, how long the run was observed.
        censored: (n,) True where it did not.
    """
    middle = (len(times) - 1) // 2
    median = np.sort(np.where(censored, np.inf, times))[middle]
    reached = bool(np.isfinite(median))
    return float(median if reached else np.sort(times)[middle]), reached


def moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (F,) and covariance (F, F) of features (N, F), in float64."""
    mean = features.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((len(mean), len(mean)))
    for start in range(0, len(features), BLOCK):  # not np.cov, which holds all of them in float64 twice
        centred = features[start : start + BLOCK] - mean
        covariance += centred.T @ centred
    return mean, covariance / (len(features) - 1)


def at_most(rows: np.ndarray, count: int) -> np.ndarray:
    """So many rows, drawn without replacement and the same every time; all of them where there are fewer."""
    return rows if len(rows) <= count else rows[np.random.default_rng(0).choice(len(rows), count, replace=False)]


def squared_distances(first: np.ndarray, second: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Squared Euclidean distances of points (N, D) and (M, D), in float64: blocks of rows, each (rows, M)."""
    second = second.astype(np.float64)
    squares = (second * second).sum(1)
    for start in range(0, len(first), BLOCK):
        block = first[start : start + BLOCK].astype(np.float64)
        distances = (block * block).sum(1)[:, None] + squares - 2 * block @ second.T
        yield slice(start, start + len(block)), np.clip(distances, 0, None)


def share_below(values: np.ndarray, labels: np.ndarray, others: np.ndarray, other_labels: np.ndarray) -> np.ndarray:
    """For each value (n,), the share of the others (m,) with its label that are below it; ties count half.

    Returns:
        (k,) shares; values without others of their label are left out. Their mean is the area under the
        ROC curve within each label, weighted by the values' labels (Mann & Whitney 1947).
    """
    shares = [np.empty(0)]
    for label in np.intersect1d(labels, other_labels):
        known, asked = np.sort(others[other_labels == label]), values[labels == label]
        both = [np.searchsorted(known, asked, side) for side in ("left", "right")]
        shares.append((both[0] + both[1]) / (2 * len(known)))
    return np.concatenate(shares)


def bootstrap_interval(values: np.ndarray, resamples: int = 9999) -> tuple[float, float]:
    """95 % interval of the mean of values (n,) by resampling them; the same for the same values.

    Percentiles, taken as much further out as Student's t asks for (the expanded percentiles of Hesterberg 2015,
    https://arxiv.org/abs/1411.5279): those of 95 % cover the mean of ten normal values 90 % of the time.
    """
    from scipy.stats import bootstrap, norm, t

    n = len(values)
    level = 1 - 2 * norm.sf(math.sqrt(n / (n - 1)) * t.isf(0.025, n - 1))
    done = bootstrap((values,), np.mean, n_resamples=resamples, method="percentile", confidence_level=level, rng=0)
    return float(done.confidence_interval.low), float(done.confidence_interval.high)


def sign_p(signs: np.ndarray) -> float:
    """Two-sided p that -1 is as likely as 1 among signs (n,), by the exact sign test; zeros tell nothing."""
    from scipy.stats import binomtest

    decided = signs[signs != 0]
    return float(binomtest(int((decided > 0).sum()), len(decided)).pvalue) if len(decided) else 1.0


def sign_flip_p(differences: np.ndarray) -> float:
    """Two-sided p that paired differences (n,) are symmetric about 0, by all 2ⁿ flips of their signs.

    From 14 pairs on, by 9,999 random flips.
    """
    from scipy.stats import permutation_test

    def mean(sample: np.ndarray, axis: int) -> np.ndarray:
        return sample.mean(axis=axis)

    done = permutation_test((differences,), mean, permutation_type="samples", n_resamples=9999, vectorized=True, rng=0)
    return float(done.pvalue)


def holm(p: np.ndarray) -> np.ndarray:
    """p-values (k,) corrected for k tests (Holm 1979)."""
    order = np.argsort(p)
    raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(raised, 1)
    return corrected

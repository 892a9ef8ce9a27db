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

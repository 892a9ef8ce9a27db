"""Statistics that the evaluation rests on."""

from collections.abc import Iterator

import numpy as np

BLOCK = 1000  # rows at a time of large matrices


def wilson_interval(share: np.ndarray, total: int | np.ndarray, z: float = 1.959964) -> tuple[np.ndarray, np.ndarray]:
    """The score interval of a share (Wilson 1927).

    (p + z²/2n ± z √(p (1 − p) / n + z²/4n²)) / (1 + z²/n), with n = total.

    Args:
        share: share p of successes, of any shape.
        total: number of trials, a number or of the shape of `share`.
        z: quantile of the standard normal distribution; the default gives a 95 % interval.

    Returns:
        Lower and upper end, between 0 and 1.
    """
    middle = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * np.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


def trimmed_mean(values: np.ndarray) -> float:
    """Mean of values (n,) without the lowest and the highest tenth.

    A short pause of the machine does not move it. Unlike a median, it does not jump to one of two alternating kinds of
    step.

    Args:
        values: such as the seconds of steps.

    Returns:
        The mean of the values that are left.
    """
    cut = len(values) // 10
    return float(np.sort(values)[cut : len(values) - cut].mean())


def moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (F,) and covariance (F, F) of features (N, F), in float64."""
    mean = features.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((len(mean), len(mean)))
    # In blocks, because np.cov holds two copies of all features in float64.
    for start in range(0, len(features), BLOCK):
        centred = features[start : start + BLOCK] - mean
        covariance += centred.T @ centred
    return mean, covariance / (len(features) - 1)


def at_most(rows: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of the rows, drawn without replacement. The same rows give the same selection every time."""
    if len(rows) <= count:
        return rows
    return rows[np.random.default_rng(0).choice(len(rows), count, replace=False)]


def squared_distances(first: np.ndarray, second: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Squared Euclidean distances of two sets of points, a block of rows at a time.

    Args:
        first: (N, D).
        second: (M, D).

    Yields:
        The rows of `first` in a block, and their distances (rows, M) to all points of `second`, in float64.
    """
    centre = second.mean(0, dtype=np.float64)  # distances are small differences of squares that are large far from 0
    second = second - centre
    squares = (second * second).sum(1)
    for start in range(0, len(first), BLOCK):
        block = first[start : start + BLOCK] - centre
        distances = (block * block).sum(1)[:, None] + squares - 2 * block @ second.T
        yield slice(start, start + len(block)), np.clip(distances, 0, None)


def share_below(values: np.ndarray, labels: np.ndarray, others: np.ndarray, other_labels: np.ndarray) -> np.ndarray:
    """For each value, the share of the others with its label that are below the value; a tie counts half.

    NaN is neither below nor above a number: the share of NaN, and shares of others with NaN among them, are NaN.

    Args:
        values: (n,).
        labels: of the values, (n,).
        others: (m,).
        other_labels: of the others, (m,).

    Returns:
        (k,) shares. Values without others of their label are left out. The mean share is the area under the ROC curve
        within each label, weighted by the values' labels (Mann & Whitney 1947).
    """
    shares = [np.empty(0)]
    for label in np.intersect1d(labels, other_labels):
        sorted_others, values_of_label = np.sort(others[other_labels == label]), values[labels == label]
        below = np.searchsorted(sorted_others, values_of_label, "left")
        not_above = np.searchsorted(sorted_others, values_of_label, "right")
        share = (below + not_above) / (2 * len(sorted_others))
        unknown = np.isnan(values_of_label) | np.isnan(sorted_others[-1])  # NaN sorts last
        shares.append(np.where(unknown, np.nan, share))
    return np.concatenate(shares)

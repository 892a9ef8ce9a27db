"""Shares of samples, with intervals for what they owe to chance and to the judge.

The judge's M networks classify the same samples, and each counts another share p_m. The estimate is the mean share p.
Its interval has two parts:

* *sampling*: the score interval [l, u] of a binomial share (Wilson 1927). With z of 1 − α / 2L, the intervals of L
  measurements hold together with probability 1 − α (Bonferroni);
* *judge*: t s / √M, with the standard deviation s of the p_m and Student's t of M − 1 degrees of freedom. The same
  networks classify at all measurements and err alike, so that this part is not corrected for their number.

The parts are independent, and the distances of their ends from p add up in squares (MOVER, Zou & Donner 2008):
[p − √((p − l)² + t²s²/M), p + √((u − p)² + t²s²/M)]. With one network, the interval is the score interval. An error
that all networks share, because they have the same layers and the same training images, is in no part.
"""

import numpy as np

from unlearning.evaluation.evidence import Value
from unlearning.evaluation.statistics import wilson_interval

ERROR_RATE = 0.05  # α


def share_value(counts: np.ndarray, total: int) -> Value:
    """The mean share of the networks in per cent, with its interval; `counts` (M,) of `total` samples."""
    low, high = share_interval(counts, total)
    return Value(*(100 * float(share) for share in (counts.mean() / total, low, high)))


def share_interval(counts: np.ndarray, total: int | np.ndarray, looks: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """The interval of a share, for each of several measurements.

    Args:
        counts: (..., M) samples that each network counted.
        total: samples, a number or (...).
        looks: number L of measurements whose intervals hold together with 95 %.

    Returns:
        Lower and upper ends (...), between 0 and 1.
    """
    mean = counts.mean(-1) / total
    low, high = wilson_interval(mean, total, _normal_quantile(looks))
    judge = _judge_part(counts / np.expand_dims(total, -1))
    low, high = mean - np.hypot(mean - low, judge), mean + np.hypot(high - mean, judge)
    return np.clip(low, 0, 1), np.clip(high, 0, 1)


def difference_interval(
    counts: np.ndarray, total: int | np.ndarray, reference_counts: np.ndarray, reference_total: int, looks: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """The interval of the difference of two shares that the same networks counted, for each of several measurements.

    The score intervals of both shares are joined as Newcombe (1998, method 10) does. The judge's part is that of the
    differences of each network, in which an error that a network makes in both shares cancels.

    Args:
        counts: (..., M) samples that each network counted.
        total: samples, a number or (...).
        reference_counts: (M,) samples that each network counted in the reference.
        reference_total: samples of the reference.
        looks: number L of measurements whose intervals hold together with 95 %.

    Returns:
        Lower and upper ends (...) of the share minus the reference's share.
    """
    shares, reference = counts / np.expand_dims(total, -1), reference_counts / reference_total
    differences = shares - reference
    z, difference = _normal_quantile(looks), differences.mean(-1)
    low, high = wilson_interval(shares.mean(-1), total, z)
    reference_low, reference_high = wilson_interval(reference.mean(), reference_total, z)
    judge = _judge_part(differences)
    below = np.hypot(shares.mean(-1) - low, reference_high - reference.mean())
    above = np.hypot(high - shares.mean(-1), reference.mean() - reference_low)
    return difference - np.hypot(below, judge), difference + np.hypot(above, judge)


def _judge_part(shares: np.ndarray) -> np.ndarray:
    """The judge's part t s / √M, of shares (..., M); 0 with one network."""
    from scipy.special import stdtrit

    networks = shares.shape[-1]
    if networks == 1:
        return np.zeros(shares.shape[:-1])
    return stdtrit(networks - 1, 1 - ERROR_RATE / 2) * shares.std(-1, ddof=1) / np.sqrt(networks)


def _normal_quantile(looks: int) -> float:
    from scipy.special import ndtri

    return float(ndtri(1 - ERROR_RATE / (2 * looks)))

r"""Kernel distance (KID, Bińkowski et al., ICLR 2018): the squared maximum mean discrepancy of features.

$$\mathbb{E}\, k(x, x') + \mathbb{E}\, k(y, y') - 2\, \mathbb{E}\, k(x, y), \qquad k(x, y) = (x \cdot y / F + 1)^3$$

for features with $F$ dimensions.

The estimate has no bias at any number of samples, while a Fréchet distance needs many more samples than features. The
published protocol averages the same estimate over subsets of 1,000. The estimate from all samples at once scatters
less.
"""

import numpy as np

from unlearning.evaluation.evidence import Evidence, Value
from unlearning.evaluation.statistics import BLOCK, at_most

METRICS = {
    "kid_retain": {
        "label": "KID to retain data ({features})",
        "unit": "",
        "table": True,
        "normalised": True,
        "description": "kernel distance, on {features}, of samples from the retained images, at most 10000 of each",
    },
    "kid_retrain": {
        "label": "KID to retrained ({features})",
        "unit": "",
        "table": False,
        "normalised": True,
        "description": "kernel distance, on {features}, from samples of a retrained model of another seed, at most "
        "10000 of each",
    },
}
PANELS = {"kid_retain": "quality"}
NEEDS = "samples"
NEEDS_RETRAINED = ["kid_retrain"]
MOST = 10_000  # of each set: time and memory grow with its square


def compute(evidence: Evidence) -> dict[str, Value]:
    """The distance to both references; no distance to the retrained model without another seed."""
    features, to_retrained = at_most(evidence.samples.features, MOST), None
    if evidence.retrained is not None:
        to_retrained = kernel_distance(features, at_most(evidence.retrained.features, MOST))
    return {
        "kid_retain": Value(kernel_distance(features, at_most(evidence.retain_features, MOST))),
        "kid_retrain": Value(to_retrained),
    }


def kernel_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Unbiased estimate of MMD² = E k(x, x′) + E k(y, y′) − 2 E k(x, y), from features (N, F) and (M, F)."""
    first, second = first.astype(np.float64), second.astype(np.float64)
    n, m = len(first), len(second)
    return (
        _pair_sum(first) / (n * (n - 1)) + _pair_sum(second) / (m * (m - 1)) - 2 * _kernel_sum(first, second) / (n * m)
    )


def _pair_sum(points: np.ndarray) -> float:
    """Σ k(xᵢ, xⱼ) over i ≠ j."""
    return _kernel_sum(points, points) - _kernel((points * points).sum(1), points.shape[1]).sum()


def _kernel_sum(first: np.ndarray, second: np.ndarray) -> float:
    """Σᵢⱼ k(xᵢ, yⱼ), a block of rows at a time."""
    blocks = (first[start : start + BLOCK] for start in range(0, len(first), BLOCK))
    return float(sum(_kernel(block @ second.T, second.shape[1]).sum() for block in blocks))


def _kernel(products: np.ndarray, features: int) -> np.ndarray:
    """The kernel k(x, y) = (x·y / F + 1)³, of the products x·y of points with F features."""
    return (products / features + 1) ** 3

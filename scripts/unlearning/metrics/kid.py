"""Kernel distance (KID, Bińkowski et al., ICLR 2018): the squared maximum mean discrepancy of features.

Without bias at any number of samples, where a Fréchet distance needs many more samples than features. The
published protocol averages the same estimate over subsets of 1,000; over all samples at once it scatters less.
"""

import numpy as np

from unlearning.evaluation.evidence import Evidence, Value
from unlearning.evaluation.statistics import at_most

METRICS = {
    "kid_retain": {
        "label": "KID to retain data ({features})",
        "unit": "",
        "table": True,
        "description": "kernel distance, on {features}, of samples from the retained images, at most 10000 of each",
    },
    "kid_retrain": {
        "label": "KID to retrained ({features})",
        "unit": "",
        "table": False,
        "description": "kernel distance, on {features}, from samples of a retrained model of another seed, at most "
        "10000 of each",
    },
}
NEEDS = "samples"
MOST = 10_000  # of each set: time and memory grow with its square
BLOCK = 1000


def compute(evidence: Evidence) -> dict[str, Value]:
    """The distance to both references; none to the retrained model where there is no other seed."""
    features, retrained = at_most(evidence.samples.features, MOST), evidence.retrained
    return {
        "kid_retain": Value(kernel_distance(features, at_most(evidence.retain_features, MOST))),
        "kid_retrain": Value(retrained and kernel_distance(features, at_most(retrained.features, MOST))),
    }


def kernel_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Unbiased estimate of MMD² with the kernel k(x, y) = (x·y / F + 1)³, from features (N, F) and (M, F)."""
    first, second = first.astype(np.float64), second.astype(np.float64)
    n, m = len(first), len(second)
    within = [_kernel_sum(x, x) - _kernel((x * x).sum(1), x.shape[1]).sum() for x in (first, second)]
    return within[0] / (n * (n - 1)) + within[1] / (m * (m - 1)) - 2 * _kernel_sum(first, second) / (n * m)


def _kernel_sum(first: np.ndarray, second: np.ndarray) -> float:
    """Σᵢⱼ k(xᵢ, yⱼ), a block of rows at a time."""
    blocks = (first[start : start + BLOCK] for start in range(0, len(first), BLOCK))
    return float(sum(_kernel(block @ second.T, second.shape[1]).sum() for block in blocks))


def _kernel(products: np.ndarray, features: int) -> np.ndarray:
    return (products / features + 1) ** 3

"""Fidelity and diversity apart: precision and recall, density and coverage, against the retained images.

Precision and recall by Kynkäänniemi et al. (NeurIPS 2019, equation 2): the share of samples within the
manifold of the real images, and the other way round, a manifold being the balls around its images that
reach to their third neighbours. Density and coverage by Naeem et al. (ICML 2020, section 3), with
fifth neighbours: the same with outliers counting less.
"""

import numpy as np

from unlearning.evaluation.evidence import Evidence, Value
from unlearning.evaluation.statistics import at_most, squared_distances

METRICS = {
    "precision": {
        "label": "Precision ({features})",
        "unit": "",
        "table": True,
        "description": "share of samples no farther from a retained image than its third neighbour among such images, "
        "on {features}, at most 10000 of each",
    },
    "recall": {
        "label": "Recall ({features})",
        "unit": "",
        "table": True,
        "description": "share of retained images no farther from a sample than its third neighbour among samples",
    },
    "density": {
        "label": "Density ({features})",
        "unit": "",
        "table": True,
        "description": "retained images whose fifth neighbour is no nearer than a sample, per sample, over 5",
    },
    "coverage": {
        "label": "Coverage ({features})",
        "unit": "",
        "table": True,
        "description": "share of retained images with a sample no farther than their fifth neighbour",
    },
}
NEEDS = "samples"
MOST = 10_000  # of each set: time grows with its square
MANIFOLD = 3  # k of Kynkäänniemi et al.
NEIGHBOURS = 5  # k of Naeem et al.
LEAST_SAMPLES = 6  # one more than NEIGHBOURS


def compute(evidence: Evidence) -> dict[str, Value]:
    """All four; they fall and rise together with the number of images, which must be the same to compare."""
    values = precision_recall(at_most(evidence.retain_features, MOST), at_most(evidence.samples.features, MOST))
    return {name: Value(value) for name, value in values.items()}


def precision_recall(real: np.ndarray, samples: np.ndarray) -> dict[str, float]:
    """Precision, recall, density and coverage of features (N, F) of real images and (M, F) of samples.

    N and M must be above 5.
    """
    manifold, neighbours = neighbour_distances(real, MANIFOLD, NEIGHBOURS).T
    (sample_manifold,) = neighbour_distances(samples, MANIFOLD).T
    within, balls = np.zeros(len(samples), bool), np.zeros(len(samples), int)
    recalled, covered = np.zeros(len(real), bool), np.zeros(len(real), bool)
    for rows, distances in squared_distances(real, samples):
        within |= (distances <= manifold[rows, None]).any(0)
        balls += (distances <= neighbours[rows, None]).sum(0)
        recalled[rows] = (distances <= sample_manifold).any(1)
        covered[rows] = distances.min(1) <= neighbours[rows]
    return {
        "precision": float(within.mean()),
        "recall": float(recalled.mean()),
        "density": float(balls.mean() / NEIGHBOURS),
        "coverage": float(covered.mean()),
    }


def neighbour_distances(features: np.ndarray, *neighbours: int) -> np.ndarray:
    """Squared distance of each of (N, F) features to its k-th nearest other, (N, len(neighbours))."""
    pairs = squared_distances(features, features)
    return np.concatenate([np.partition(distances, neighbours)[:, neighbours] for _, distances in pairs])

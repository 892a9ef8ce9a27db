"""Fidelity and diversity apart: precision and recall, density and coverage, against the retained images.

Precision and recall follow Kynkäänniemi et al. (NeurIPS 2019, equation 2). Precision is the share of samples within the
manifold of the real images, and recall is the share of real images within the manifold of the samples. A manifold is
the union of the balls around its images that reach to their third neighbours. Density and coverage follow Naeem et al.
(ICML 2020, section 3), with fifth neighbours. They measure the same two things, and outliers count less.

A point on the edge of a ball is in the ball: ≤, as in equation 2 of Kynkäänniemi et al. Naeem et al. do not say to
which side the edge belongs, and their released code has < in all four (clovaai/generative-evaluation-prdc). The two
differ only where distances are equal. With <, an image that occurs six times has a ball of radius 0 that holds nothing,
not even a copy of that image.
"""

import numpy as np

from unlearning.evaluation.evidence import Evidence, Value
from unlearning.evaluation.statistics import at_most, squared_distances

METRICS = {
    "precision": {
        "label": "Precision ({features})",
        "unit": "",
        "table": True,
        "normalised": True,
        "description": "share of samples no farther from a retained image than its third neighbour among such images, "
        "on {features}, at most 10000 of each",
    },
    "recall": {
        "label": "Recall ({features})",
        "unit": "",
        "table": True,
        "normalised": True,
        "description": "share of retained images no farther from a sample than its third neighbour among samples",
    },
    "density": {
        "label": "Density ({features})",
        "unit": "",
        "table": True,
        "normalised": True,
        "description": "retained images whose fifth neighbour is no nearer than a sample, per sample, over 5",
    },
    "coverage": {
        "label": "Coverage ({features})",
        "unit": "",
        "table": True,
        "normalised": True,
        "description": "share of retained images with a sample no farther than their fifth neighbour",
    },
}
PANELS = {"precision": "quality", "recall": "quality", "density": "quality", "coverage": "quality"}
NEEDS = "samples"
MOST = 10_000  # of each set: time grows with its square
MANIFOLD = 3  # k of Kynkäänniemi et al.
NEIGHBOURS = 5  # k of Naeem et al.
LEAST_SAMPLES = 6  # one more than NEIGHBOURS


def compute(evidence: Evidence) -> dict[str, Value]:
    """All four values. They depend on the number of images, so compare only values of equally many images."""
    values = precision_recall(at_most(evidence.retain_features, MOST), at_most(evidence.samples.features, MOST))
    return {name: Value(value) for name, value in values.items()}


def precision_recall(real: np.ndarray, samples: np.ndarray) -> dict[str, float]:
    """Precision, recall, density and coverage.

    Args:
        real: features of real images, (N, F), N > 5.
        samples: features of samples, (M, F), M > 5.

    Returns:
        The four values by name.
    """
    real_radii, neighbour_radii = neighbour_distances(real, MANIFOLD, NEIGHBOURS).T
    (sample_radii,) = neighbour_distances(samples, MANIFOLD).T
    precise, balls = np.zeros(len(samples), bool), np.zeros(len(samples), int)
    recalled, covered = np.zeros(len(real), bool), np.zeros(len(real), bool)
    for rows, distances in squared_distances(real, samples):
        precise |= (distances <= real_radii[rows, None]).any(0)
        balls += (distances <= neighbour_radii[rows, None]).sum(0)
        recalled[rows] = (distances <= sample_radii).any(1)
        covered[rows] = distances.min(1) <= neighbour_radii[rows]
    return {
        "precision": float(precise.mean()),
        "recall": float(recalled.mean()),
        "density": float(balls.mean() / NEIGHBOURS),
        "coverage": float(covered.mean()),
    }


def neighbour_distances(features: np.ndarray, *neighbours: int) -> np.ndarray:
    """Squared distance of each of the features (N, F) to its k-th nearest other, (N, len(neighbours))."""
    pairs = squared_distances(features, features)
    return np.concatenate([np.partition(distances, neighbours)[:, neighbours] for _, distances in pairs])

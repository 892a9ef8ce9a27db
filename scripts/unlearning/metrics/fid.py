"""Fréchet distance (Heusel et al. 2017) between samples and a reference, by pytorch-fid.

On the judge's features, not Inception's: values compare within one experiment, not with papers.
"""

import numpy as np

from unlearning.metrics import Evidence, Value
from unlearning.statistics import moments

METRICS = {
    "fid_retain": {
        "label": "FID to retain data",
        "unit": "",
        "table": True,
        "description": "Fréchet distance, on the judge's features, from the retained training images",
    },
    "fid_retrain": {
        "label": "FID to retrained",
        "unit": "",
        "table": True,
        "description": "Fréchet distance, on the judge's features, from samples of a retrained model of another seed",
    },
}
NEEDS = "samples"


def compute(evidence: Evidence) -> dict[str, Value]:
    """The distance to both references; none to the retrained model where there is no other seed."""
    features, retrained = evidence.samples.features, evidence.retrained
    return {
        "fid_retain": Value(frechet_distance(features, evidence.retain_features)),
        "fid_retrain": Value(retrained and frechet_distance(features, retrained.features)),
    }


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Fréchet distance between Gaussians fitted to features (N, F) and (M, F), in float64."""
    from pytorch_fid.fid_score import calculate_frechet_distance

    return float(calculate_frechet_distance(*moments(first), *moments(second)))

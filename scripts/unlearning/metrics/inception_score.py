"""Inception score (Salimans et al. 2016) of completed images, by the judge's classes: exp E KL(p(y|x) ‖ p(y))."""

import numpy as np
from scipy.special import rel_entr

from unlearning.metrics import Evidence, Value

METRICS = {
    "inception_score": {
        "label": "IS",
        "unit": "",
        "table": False,
        "by_group": True,
        "description": "inception score, by the judge's classes in place of Inception's, of completed images",
    }
}
NEEDS = "completions"


def compute(evidence: Evidence) -> dict[str, Value]:
    """The score of each group, all its images in one split."""
    return {
        f"inception_score_{group}": Value(inception_score(seen.probabilities))
        for group, seen in evidence.completions.items()
    }


def inception_score(probabilities: np.ndarray) -> float:
    """From 1, every image alike or undecided, to the number of classes; of probabilities (n, K)."""
    probabilities = probabilities.astype(np.float64)
    return float(np.exp(rel_entr(probabilities, probabilities.mean(0)).sum(1).mean()))

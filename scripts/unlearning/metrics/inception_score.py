r"""Inception score (Salimans et al. 2016): samples should be clear, and of many classes.

$$\exp\, \mathbb{E}_x\, \mathrm{KL}\left( p(y|x) \,\|\, p(y) \right)$$

Where the experiment uses the judge's features, class probabilities are the judge's, too. Then the score is at most the
number of classes. All samples count at once. The original code takes the mean over ten parts, which depends on the
size of a part (Barratt & Sharma 2018).
"""

import numpy as np

from unlearning.evaluation.evidence import Evidence, Value
from unlearning.evaluation.statistics import BLOCK

METRICS = {
    "inception_score": {
        "label": "Inception score ({features})",
        "unit": "",
        "table": True,
        "normalised": True,
        "description": "exp of the mean KL divergence of a sample's class probabilities from their mean over samples",
    }
}
PANELS = {"inception_score": "quality"}
NEEDS = "samples"


def compute(evidence: Evidence) -> dict[str, Value]:
    """The score of all samples at once."""
    return {"inception_score": Value(inception_score(evidence.probabilities))}


def inception_score(probabilities: np.ndarray) -> float:
    """The score exp E KL(p(y|x) ‖ p(y)) of class probabilities (N, K), summed in float64."""
    from scipy.special import rel_entr

    mean = probabilities.mean(0, dtype=np.float64)
    divergences = sum(rel_entr(probabilities[i : i + BLOCK], mean).sum() for i in range(0, len(probabilities), BLOCK))
    return float(np.exp(divergences / len(probabilities)))

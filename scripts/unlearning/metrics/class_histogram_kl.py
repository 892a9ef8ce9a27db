"""How far the classes of a model's samples are from those of a retrained model's."""

import numpy as np

from unlearning.evaluation.evidence import Evidence, Value

METRICS = {
    "class_histogram_kl": {
        "label": "Histogram KL",
        "unit": "nats",
        "table": True,
        "description": "KL divergence of the class histogram from that of a retrained model of another seed",
    }
}
NEEDS = "samples"


def compute(evidence: Evidence) -> dict[str, Value]:
    """KL(p ‖ q) in nats: p the run's class histogram, q the retrained model's."""
    if evidence.retrained is None:
        return {"class_histogram_kl": Value(None)}
    p, q = (
        smoothed_histogram(sample_set.classes, evidence.classes)
        for sample_set in (evidence.samples, evidence.retrained)
    )
    return {"class_histogram_kl": Value(float(np.sum(p * np.log(p / q))))}


def smoothed_histogram(classes: np.ndarray, count: int) -> np.ndarray:
    """Class shares, (count,), with half an image added to each class so that none is zero (Jeffreys)."""
    counts = np.bincount(classes, minlength=count) + 0.5
    return counts / counts.sum()

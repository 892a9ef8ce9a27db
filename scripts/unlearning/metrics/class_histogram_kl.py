"""How far the classes of a model's samples are from the classes of a retrained model's samples."""

import numpy as np

from unlearning.evaluation.evidence import Evidence, Value

METRICS = {
    "class_histogram_kl": {
        "label": "Histogram KL",
        "unit": "nats",
        "table": True,
        "normalised": True,
        "description": "KL divergence of the class histogram from that of a retrained model of another seed",
    }
}
NEEDS = "samples"


def compute(evidence: Evidence) -> dict[str, Value]:
    """KL(p ‖ q) = Σ p log(p / q) in nats, with the class histogram p of the run and q of the retrained model."""
    if evidence.retrained is None:
        return {"class_histogram_kl": Value(None)}
    count = len(evidence.data.classes)
    p = smoothed_histogram(evidence.samples.classes, count)
    q = smoothed_histogram(evidence.retrained.classes, count)
    return {"class_histogram_kl": Value(float(np.sum(p * np.log(p / q))))}


def smoothed_histogram(classes: np.ndarray, count: int) -> np.ndarray:
    """Class shares (count,), with half an image added to each class, so that no share is zero (Jeffreys)."""
    counts = np.bincount(classes, minlength=count) + 0.5
    return counts / counts.sum()

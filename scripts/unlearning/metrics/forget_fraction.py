"""Forget fraction (feature ratio): the share of samples that the judge takes for a forgotten class."""

import numpy as np

from unlearning.evaluation.evidence import Evidence, Value
from unlearning.evaluation.statistics import wilson_interval

METRICS = {
    "forget_fraction": {
        "label": "Forget fraction",
        "unit": "%",
        "table": True,
        "normalised": True,
        "description": "share of samples that the judge takes for a forgotten class",
    }
}
NEEDS = "samples"


def compute(evidence: Evidence) -> dict[str, Value]:
    """The share in per cent, with its Wilson interval; no value where no class is forgotten as a whole."""
    if not evidence.forgotten_classes:
        return {"forget_fraction": Value(None)}
    classes = evidence.samples.classes
    hits = int(np.isin(classes, evidence.forgotten_classes).sum())
    low, high = wilson_interval(hits, len(classes))
    return {"forget_fraction": Value(100 * hits / len(classes), 100 * low, 100 * high)}

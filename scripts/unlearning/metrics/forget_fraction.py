"""Forget fraction (feature ratio): the share of samples that the judge takes for a forgotten class."""

from unlearning.evaluation.evidence import Evidence, Value
from unlearning.evaluation.shares import share_value

METRICS = {
    "forget_fraction": {
        "label": "Forget fraction",
        "unit": "%",
        "table": True,
        "normalised": True,
        "has_threshold": True,
        "description": "share of samples that the judge takes for a forgotten class, the mean over its networks",
    }
}
PANELS = {"forget_fraction": "forgetting"}
NEEDS = "samples"


def compute(evidence: Evidence) -> dict[str, Value]:
    """The share in per cent, with its interval; no value where no class is forgotten as a whole."""
    if not evidence.forgotten_classes:
        return {"forget_fraction": Value(None)}
    counts = evidence.samples.class_counts
    return {"forget_fraction": share_value(counts[:, evidence.forgotten_classes].sum(1), counts[0].sum())}

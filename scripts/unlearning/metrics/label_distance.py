"""How far samples under the labels to forget are from what a retrained model makes, by both of its references.

A retrained model has never seen a label to forget. Under this label, it makes what its initial embedding happens to
mean. Under the null label, it makes any retained class. A method that maps the label to nothing is near the second
reference, and no method is near both if they differ.
"""

import numpy as np

from unlearning.evaluation.evidence import Evidence, Value
from unlearning.evaluation.statistics import at_most
from unlearning.metrics.kid import MOST, kernel_distance

METRICS = {
    "kid_to_retrained_label": {
        "label": "KID to retrained under own label ({features})",
        "unit": "",
        "table": True,
        "normalised": True,
        "description": "kernel distance, on {features}, of samples under a label to forget from samples of a retrained "
        "model of another seed under the same label, which it was never trained on, at most 10000 of each, the mean "
        "over these labels",
    },
    "kid_to_retrained_null": {
        "label": "KID to retrained under null label ({features})",
        "unit": "",
        "table": True,
        "description": "the same from samples of that model under the null label, which stands for no label",
    },
}
PANELS = {"kid_to_retrained_label": "forgetting", "kid_to_retrained_null": "forgetting"}
BETTER = {"kid_to_retrained_null": "lower"}
NEEDS = "by_label"
NEEDS_RETRAINED = ["kid_to_retrained_label", "kid_to_retrained_null"]


def compute(evidence: Evidence) -> dict[str, Value]:
    """Both distances; no value where no class is forgotten as a whole, or without a retrained model of another seed."""
    forgotten, retrained = evidence.forgotten_classes, evidence.retrained_by_label
    if not forgotten or retrained is None:
        return {}
    made = evidence.by_label.features
    to_same = [distance(made[label], retrained.features[label]) for label in forgotten]
    to_null = [distance(made[label], retrained.features[-1]) for label in forgotten]
    return {
        "kid_to_retrained_label": Value(float(np.mean(to_same))),
        "kid_to_retrained_null": Value(float(np.mean(to_null))),
    }


def distance(first: np.ndarray, second: np.ndarray) -> float:
    """The kernel distance of features (n, F) and (m, F), of at most `MOST` of each."""
    return kernel_distance(at_most(first, MOST), at_most(second, MOST))

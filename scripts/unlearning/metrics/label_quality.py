"""How good the samples of each label to retain are, beside the retained training images of the label's class.

A model can keep its quality on the whole and ruin one class. So each distance has its mean over the labels to retain
and its value for the worst of them.

The covariance of no more images than features is singular, and a Fréchet distance would then measure the number of
images. There is none if one label or one class has too few. The kernel distance needs no such number, and has no bias.
"""

import numpy as np

from unlearning.evaluation.evidence import Evidence, Value
from unlearning.evaluation.statistics import at_most, moments
from unlearning.metrics.fid import frechet_distance
from unlearning.metrics.kid import kernel_distance
from unlearning.metrics.precision_recall import precision_recall

METRICS = {
    "fid_of_labels": {
        "label": "FID of labels ({features})",
        "unit": "",
        "table": True,
        "normalised": True,
        "description": "Fréchet distance, on {features}, of the samples under a label to retain from the retained "
        "images of its class, the mean over these labels; no value if one of them has no more samples or images than "
        "features",
    },
    "fid_of_worst_label": {
        "label": "FID of worst label ({features})",
        "unit": "",
        "table": True,
        "normalised": True,
        "description": "the largest of these distances, which can be another label's in each run",
    },
    "kid_of_labels": {
        "label": "KID of labels ({features})",
        "unit": "",
        "table": True,
        "normalised": True,
        "description": "kernel distance, on {features}, of the samples under a label to retain from the retained "
        "images of its class, at most 1000 of each, the mean over these labels",
    },
    "kid_of_worst_label": {
        "label": "KID of worst label ({features})",
        "unit": "",
        "table": True,
        "normalised": True,
        "description": "the largest of these distances",
    },
    "precision_of_labels": {
        "label": "Precision of labels ({features})",
        "unit": "",
        "table": True,
        "normalised": True,
        "description": "share of samples under a label to retain that are no farther from a retained image of its "
        "class than the third neighbour of this image in the class, at most 1000 of each, the mean over these labels",
    },
    "precision_of_worst_label": {
        "label": "Precision of worst label ({features})",
        "unit": "",
        "table": False,
        "normalised": True,
        "description": "the smallest of these shares",
    },
    "recall_of_labels": {
        "label": "Recall of labels ({features})",
        "unit": "",
        "table": True,
        "normalised": True,
        "description": "share of retained images of a class that are no farther from a sample under its label than the "
        "third neighbour of this sample, at most 1000 of each, the mean over these labels",
    },
    "recall_of_worst_label": {
        "label": "Recall of worst label ({features})",
        "unit": "",
        "table": False,
        "normalised": True,
        "description": "the smallest of these shares",
    },
}
PANELS = {
    "fid_of_labels": "quality",
    "fid_of_worst_label": "quality",
    "kid_of_labels": "quality",
    "kid_of_worst_label": "quality",
}
NEEDS = "by_label"
LEAST_SAMPLES = 6  # of precision and recall
MOST = 1000  # images of a class, and samples of a label: time grows with the square, for each of the labels
WORST = {"fid": np.argmax, "kid": np.argmax, "precision": np.argmin, "recall": np.argmin}


def compute(evidence: Evidence) -> dict[str, Value | np.ndarray]:
    """The mean and the worst of each measure over the labels to retain, and arrays for figures.

    Returns:
        The values; none if a class to retain has fewer than six retained images, which have no fifth neighbour. Of the
        R labels to retain: `labels` (R,), and of each measure such as `fid` its values (R,) and the `{measure}_worst`
        (1,) label. A measure without a value has no arrays.
    """
    of_images = evidence.data.labels[evidence.groups["retain"]]
    labels = np.setdiff1d(np.arange(evidence.by_label.class_counts.shape[2]), evidence.forgotten_classes)
    pairs = [(evidence.retain_features[of_images == label], evidence.by_label.features[label]) for label in labels]
    result = {"labels": labels}
    if min(len(features) for pair in pairs for features in pair) < LEAST_SAMPLES:
        return result
    measured = [quality(*pair) for pair in pairs]
    for name, worst_of in WORST.items():
        if not all(name in of_label for of_label in measured):
            continue
        values = np.array([of_label[name] for of_label in measured])
        worst = worst_of(values)
        result |= {
            f"{name}_of_labels": Value(float(values.mean())),
            f"{name}_of_worst_label": Value(float(values[worst])),
            name: values,
            f"{name}_worst": labels[[worst]],
        }
    return result


def quality(real: np.ndarray, samples: np.ndarray) -> dict[str, float]:
    """The measures in `WORST` of one label; no Fréchet distance from no more images or samples than features.

    Args:
        real: features of the retained images of its class, (N, F).
        samples: features of its samples, (n, F).

    Returns:
        The values by name.
    """
    drawn, made = at_most(real, MOST), at_most(samples, MOST)
    shares = precision_recall(drawn, made)
    result = {"kid": kernel_distance(made, drawn)} | {name: shares[name] for name in ("precision", "recall")}
    if min(len(real), len(samples)) > real.shape[1]:
        result["fid"] = frechet_distance(*moments(samples), *moments(real))
    return result

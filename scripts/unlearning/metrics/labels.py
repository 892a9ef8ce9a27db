"""What a model with labels makes under the labels to forget, under the null label, and under the labels to retain.

A model can lose the forgotten class under the class's own label and keep it under another one. So there is a share for
each way of asking. The full matrix, label asked for × class judged, is stored for figures.

A retrained model has never seen the labels to forget: their embeddings are what initialisation left. What it makes
under them is one reference, and what it makes under the null label is another.
"""

import numpy as np

from unlearning.evaluation.evidence import Evidence, Value
from unlearning.evaluation.shares import share_value

METRICS = {
    "forgotten_under_own_label": {
        "label": "Forgotten under own label",
        "unit": "%",
        "table": True,
        "normalised": True,
        "description": "share of samples under the labels to forget that the judge takes for a forgotten class",
    },
    "forgotten_under_null_label": {
        "label": "Forgotten under null label",
        "unit": "%",
        "table": True,
        "normalised": True,
        "description": "the same share under the null label, which stands for no label",
    },
    "forgotten_under_retained_labels": {
        "label": "Forgotten under retained labels",
        "unit": "%",
        "table": True,
        "normalised": True,
        "description": "the same share under all labels to retain together",
    },
    "entropy_under_own_label": {
        "label": "Entropy under own label",
        "unit": "nats",
        "table": True,
        "description": "mean entropy of the judge's class probabilities for samples under the labels to forget: 0 if "
        "the judge is sure of a class, ln K if all K classes are alike to it; no value of a retrained model is the "
        "goal, because no training taught it these labels",
    },
    "label_agreement": {
        "label": "Agreement with label",
        "unit": "%",
        "table": True,
        "normalised": True,
        "description": "share of samples under the labels to retain that the judge takes for the class of their label",
    },
    "label_agreement_worst": {
        "label": "Agreement with worst label",
        "unit": "%",
        "table": True,
        "normalised": True,
        "description": "the same share under the label to retain that has the smallest one, which can be another label "
        "in each run",
    },
}
PANELS = {
    "forgotten_under_own_label": "forgetting",
    "forgotten_under_null_label": "forgetting",
    "forgotten_under_retained_labels": "forgetting",
    "label_agreement": "quality",
    "label_agreement_worst": "quality",
}
NEEDS = "by_label"


def compute(evidence: Evidence) -> dict[str, Value | np.ndarray]:
    """The shares in per cent and the entropy, and arrays for figures.

    Returns:
        The values; those of the labels to forget only where a class is forgotten as a whole. Of K labels, F of which
        are to be forgotten: `matrix` (K + 1, K), the share from 0 to 1 of each class under each label, the mean over
        the judge's networks, the null label last; `classes` (K + 1, n) of the samples; `becomes` (F,), the most
        frequent class under each label to forget; `worst_label` (1,), whose samples the judge agrees with least.
    """
    seen, forgotten = evidence.by_label, evidence.forgotten_classes
    samples, classes = seen.classes.shape[1], seen.class_counts.shape[2]
    retained = [label for label in range(classes) if label not in forgotten]
    matrix = seen.class_counts.mean(1) / samples
    worst = min(retained, key=lambda label: matrix[label, label])
    agreeing = seen.class_counts[retained, :, retained]  # (R, M)
    result = {
        "label_agreement": share_of_labels(agreeing, samples),
        "label_agreement_worst": Value(
            100 * float(matrix[worst, worst])
        ),  # an interval would have to know of the choice
        "matrix": matrix,
        "classes": seen.classes,
        "worst_label": np.array([worst]),
        "becomes": matrix[forgotten].argmax(1),
    }
    if not forgotten:
        return result
    of_forgotten = seen.class_counts[:, :, forgotten].sum(2)  # (K + 1, M)
    return result | {
        "forgotten_under_own_label": share_of_labels(of_forgotten[forgotten], samples),
        "forgotten_under_null_label": share_of_labels(of_forgotten[-1:], samples),
        "forgotten_under_retained_labels": share_of_labels(of_forgotten[retained], samples),
        "entropy_under_own_label": Value(float(seen.entropies[forgotten].mean(dtype=np.float64))),
    }


def share_of_labels(counts: np.ndarray, samples: int) -> Value:
    """The share in per cent among the samples of several labels together, with its interval.

    Samples of different labels come from the same latents. Their outcomes can agree, so that L labels may tell no more
    than one. The interval is that of one label's number of samples: it holds however much they agree, and is too wide
    where they do not.

    Args:
        counts: (L, M) samples under each label that each network of the judge counted.
        samples: number of samples of each label.

    Returns:
        The share.
    """
    return share_value(counts.mean(0), samples)

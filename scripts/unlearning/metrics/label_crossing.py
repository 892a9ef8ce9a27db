"""When the forgotten class is gone under its own label, of models with labels.

Among samples of all labels, one class of a thousand has a share of 0.1 %, and no threshold on it says anything. So the
share here is of samples under the labels to forget, among the fresh samples that a run draws at each measured step.

* The published protocol of the UNO paper's diffusion transformer (Mandal & Gottwald 2025, released code): after each
  step, 50 samples under the label to forget; the first step with a share strictly below the threshold, 0.18, counts,
  even if the class comes back; a run that never gets there counts with its last step. The code's 50 samples have the
  same noise at every step, from one seed. Here each measurement has fresh noise, and the judge takes the place of the
  code's classifier, SwinV2. Steps that are not measured cannot count.
* What this protocol leaves out: whether the class comes back, its share at the end, and the crossing for good, decided
  by intervals, see `unlearning.evaluation.crossings`.
"""

import numpy as np

from unlearning.evaluation.crossings import counts_by_network, crossings, step_times
from unlearning.evaluation.evidence import Evidence, Value

METRICS = {
    "label_published_steps": {
        "label": "Steps under own label, as published",
        "unit": "steps",
        "table": True,
        "description": "first measured step with a share of the forgotten class under its own label below the "
        "threshold, or else the last step",
    },
    "label_published_seconds": {
        "label": "Time under own label, as published",
        "unit": "s",
        "table": False,
        "description": "mean seconds of a step times these steps",
    },
    "label_published_relative_time": {
        "label": "Time under own label, as published",
        "unit": "finetune steps",
        "table": False,
        "description": "these steps times the cost of a step in finetune steps timed side by side",
    },
    "label_five_step_share": {
        "label": "Under own label after 5 steps",
        "unit": "",
        "table": False,
        "description": "share of the forgotten class under its own label after step 5",
    },
    "label_last_share": {
        "label": "Under own label at the end",
        "unit": "",
        "table": True,
        "description": "mean share of the forgotten class under its own label over the last 20 steps that are measured",
    },
    "label_above_again": {
        "label": "Back above the threshold",
        "unit": "",
        "table": True,
        "description": "share of the runs in which the forgotten class is above the threshold again after its first "
        "crossing under its own label",
    },
    "label_sustained_steps": {
        "label": "Steps to unlearn under own label",
        "unit": "steps",
        "table": True,
        "event": True,
        "description": "first measured step from which the share of the forgotten class under its own label stays "
        "surely at or below the threshold, as at least one later measurement shows",
    },
    "label_sustained_seconds": {
        "label": "Time to unlearn under own label",
        "unit": "s",
        "table": False,
        "event": True,
        "description": "seconds of preparation and all steps up to this step",
    },
}
PANELS = {
    "label_published_steps": "as_published",
    "label_last_share": "forgetting",
    "label_above_again": "forgetting",
    "label_sustained_steps": "forgetting",
}
BETTER = {"label_published_steps": "lower", "label_last_share": "lower", "label_above_again": "lower"}
NEEDS = "trajectory"
SETTINGS = ["threshold"]
LAST_STEPS = 20


def compute(evidence: Evidence) -> dict[str, Value]:
    """Crossings under the labels to forget; nothing of a model without labels, or if nothing was measured."""
    asked = evidence.measurements.get("forgotten_label")
    if asked is None or np.isnan(asked).any():
        return {}
    measurements = evidence.measurements | {"forgotten": asked, "samples": evidence.measurements["samples_each_way"]}
    measured, counts, samples = counts_by_network(measurements)
    shares = counts.mean(1) / samples
    rigorous = crossings(measurements, evidence.steps, evidence.record, evidence.threshold)
    return {
        **as_published(measured, shares, evidence.steps, evidence.threshold),
        "label_sustained_steps": rigorous["sustained_crossing_steps"],
        "label_sustained_seconds": rigorous["sustained_crossing_seconds"],
    }


def as_published(
    measured: np.ndarray, shares: np.ndarray, steps: dict[str, np.ndarray], threshold: float
) -> dict[str, Value]:
    """The crossing as the released code counts it, and what comes after it.

    Args:
        measured: (L,) numbers of the measured steps, in order; 0 is the original, which is no step.
        shares: (L,) of the forgotten class after them.
        steps: columns of `steps.csv`, see `step_times`.
        threshold: share of the samples, between 0 and 1.

    Returns:
        All metrics of this file but those of the sustained crossing. Whether the class comes back has no value for a
        run that never crossed.
    """
    shares, measured = shares[measured > 0], measured[measured > 0]
    last, below = len(steps["seconds"]), shares < threshold
    crossed = below.any()
    first = int(below.argmax())
    crossing = int(measured[first]) if crossed else last
    ratio = step_times(steps)["step_time_ratio"].value
    after_five = shares[measured == 5]
    at_the_end = shares[measured > last - LAST_STEPS]
    return {
        "label_published_steps": Value(crossing, censored=not crossed),
        "label_published_seconds": Value(float(steps["seconds"].mean() * crossing), censored=not crossed),
        "label_published_relative_time": Value(None if ratio is None else ratio * crossing, censored=not crossed),
        "label_five_step_share": Value(float(after_five[0]) if len(after_five) else None),
        "label_last_share": Value(float(at_the_end.mean()) if len(at_the_end) else None),
        "label_above_again": Value(float((shares[first:] >= threshold).any()) if crossed else None),
    }

"""Time to unlearn: when the forget fraction falls to a threshold, for the first time and for good.

There are two thresholds: the published one, and the share that retrained models reach, plus a margin. A run crosses a
threshold, does not cross it, or is undecided; intervals decide, see `unlearning.evaluation.crossings`. A run that does
not cross is censored at its last step: its value is a lower bound. Tables and figures treat it as a bound
(Kaplan–Meier). The papers take a mean, in which such a run counts with its last step.
"""

from unlearning.evaluation.crossings import crossings, relative_crossing
from unlearning.evaluation.evidence import Evidence, Value

METRICS = {
    "first_crossing_steps": {
        "label": "First crossing",
        "unit": "steps",
        "table": False,
        "event": True,
        "description": "first measured step with a forget fraction surely at or below the threshold",
    },
    "first_crossing_seconds": {
        "label": "First crossing",
        "unit": "s",
        "table": False,
        "event": True,
        "description": "seconds of preparation and all steps up to the first crossing",
    },
    "sustained_crossing_steps": {
        "label": "Steps to unlearn",
        "unit": "steps",
        "table": True,
        "event": True,
        "description": "first measured step from which the forget fraction stays surely at or below the threshold, "
        "as at least one later measurement shows",
    },
    "sustained_crossing_seconds": {
        "label": "Time to unlearn",
        "unit": "s",
        "table": True,
        "event": True,
        "description": "seconds of preparation and all steps up to the sustained crossing",
    },
    "relative_crossing_steps": {
        "label": "Steps to retrained",
        "unit": "steps",
        "table": True,
        "event": True,
        "description": "first measured step from which the forget fraction surely exceeds that of the retrained models "
        "of all other seeds ({pooled} samples) by {margin} % of the samples at most",
    },
    "relative_crossing_seconds": {
        "label": "Time to retrained",
        "unit": "s",
        "table": False,
        "event": True,
        "description": "seconds of preparation and all steps up to the step at which the forget fraction has fallen to "
        "that of retrained models",
    },
    "five_step_forget_fraction": {
        "label": "After 5 steps",
        "unit": "%",
        "table": False,
        "description": "forget fraction after five steps",
    },
}
PANELS = {
    "sustained_crossing_steps": "forgetting",
    "sustained_crossing_seconds": "cost",
    "relative_crossing_steps": "forgetting",
}
NEEDS = "trajectory"
NEEDS_RETRAINED = ["relative_crossing_steps", "relative_crossing_seconds"]
SETTINGS = ["threshold", "margin"]


def compute(evidence: Evidence) -> dict[str, Value]:
    """Crossings of both thresholds, in steps and seconds, and the forget fraction after step 5."""
    run = evidence.measurements, evidence.steps, evidence.record
    values = crossings(*run, evidence.threshold)
    if evidence.retrained_counts is not None:
        counts = evidence.retrained_counts
        reference = counts[:, evidence.forgotten_classes].sum(1), counts[0].sum()
        values |= relative_crossing(*run, reference, evidence.margin)
    return values

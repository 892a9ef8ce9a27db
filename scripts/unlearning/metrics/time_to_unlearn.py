"""Time to unlearn: when the forget fraction falls to the threshold, for the first time and for good.

A run that never gets there is censored at its last step: its value is a lower bound. Tables and figures treat it as
a bound (Kaplan–Meier). The papers take a mean, in which such a run counts with its last step.
"""

from unlearning.evaluation.crossings import crossings
from unlearning.evaluation.evidence import Evidence, Value

METRICS = {
    "first_crossing_steps": {
        "label": "First crossing",
        "unit": "steps",
        "table": True,
        "event": True,
        "description": "first measured step with a forget fraction at or below the threshold",
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
        "description": "first measured step from which the forget fraction stays at or below the threshold, "
        "as at least one later measurement shows",
    },
    "sustained_crossing_seconds": {
        "label": "Time to unlearn",
        "unit": "s",
        "table": True,
        "event": True,
        "description": "seconds of preparation and all steps up to the sustained crossing",
    },
    "five_step_forget_fraction": {
        "label": "After 5 steps",
        "unit": "%",
        "table": False,
        "description": "forget fraction after five steps",
    },
}
NEEDS = "trajectory"
SETTINGS = ["threshold"]


def compute(evidence: Evidence) -> dict[str, Value]:
    """First and sustained crossing, in steps and seconds, and the forget fraction after step 5."""
    return crossings(evidence.measurements, evidence.steps, evidence.record, evidence.threshold)

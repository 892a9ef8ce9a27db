"""Time to unlearn: when the forget fraction falls to the threshold, first and for good.

A run that never gets there is censored at its last step: its value is a lower bound, and tables and
figures treat it as one (Kaplan–Meier), where the papers average the last step in.
"""

import numpy as np

from unlearning.metrics import Evidence, Value

METRICS = {
    "first_crossing_steps": {
        "label": "First crossing",
        "unit": "steps",
        "table": False,
        "description": "first measured step with a forget fraction at or below the threshold",
    },
    "first_crossing_seconds": {
        "label": "First crossing",
        "unit": "s",
        "table": False,
        "description": "seconds of all steps up to the first crossing",
    },
    "sustained_crossing_steps": {
        "label": "Steps to unlearn",
        "unit": "steps",
        "table": True,
        "description": "first measured step from which the forget fraction stays at or below the threshold",
    },
    "sustained_crossing_seconds": {
        "label": "Time to unlearn",
        "unit": "s",
        "table": True,
        "description": "seconds of all steps up to the sustained crossing",
    },
}
NEEDS = "trajectory"


def compute(evidence: Evidence) -> dict[str, Value]:
    """First and sustained crossing in steps and seconds; no value where nothing was measured."""
    if not evidence.measurements:
        return {name: Value(None) for name in METRICS}
    measured = evidence.measurements["step"].astype(int)
    below = evidence.measurements["forgotten"] / evidence.measurements["samples"] <= evidence.threshold
    sustained = np.logical_and.accumulate(below[::-1])[::-1]
    if evidence.record["status"] == "diverged":
        sustained[:] = False
    elapsed = np.concatenate([[0.0], np.cumsum(evidence.steps["seconds"])])
    last = len(elapsed) - 1
    values = {}
    for name, reached in (("first", below), ("sustained", sustained)):
        step = int(measured[reached.argmax()]) if reached.any() else last
        values[f"{name}_crossing_steps"] = Value(step, censored=not reached.any())
        values[f"{name}_crossing_seconds"] = Value(float(elapsed[step]), censored=not reached.any())
    return values

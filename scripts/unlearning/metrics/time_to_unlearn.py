"""Time to unlearn: when the forget fraction falls to the threshold, first and for good.

A run that never gets there is censored at its last step: its value is a lower bound, and tables and
figures treat it as one (Kaplan–Meier), where the papers average the last step in.
"""

import numpy as np

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
NEEDS_THRESHOLD = True


def compute(evidence: Evidence) -> dict[str, Value]:
    """Crossings in steps and seconds, and the share after step 5; no value where nothing was measured."""
    if not evidence.measurements:
        return {name: Value(None) for name in METRICS}
    measured = evidence.measurements["step"].astype(int)
    below = evidence.measurements["forgotten"] / evidence.measurements["samples"] <= evidence.threshold
    sustained = np.logical_and.accumulate(below[::-1])[::-1]
    sustained[-1] = False  # nothing shows whether it would stay
    if evidence.record["status"] == "diverged":
        sustained[:] = False
    elapsed = np.cumsum(np.concatenate([[evidence.record["preparation_seconds"]], evidence.steps["seconds"]]))
    last = len(elapsed) - 1
    after_five = 100 * (evidence.measurements["forgotten"] / evidence.measurements["samples"])[measured == 5]
    values = {"five_step_forget_fraction": Value(float(after_five[0]) if len(after_five) else None)}
    for name, reached in (("first", below), ("sustained", sustained)):
        step = int(measured[reached.argmax()]) if reached.any() else last
        values[f"{name}_crossing_steps"] = Value(step, censored=not reached.any())
        values[f"{name}_crossing_seconds"] = Value(float(elapsed[step]), censored=not reached.any())
    return values

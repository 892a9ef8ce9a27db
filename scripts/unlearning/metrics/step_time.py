"""What a step costs: its time, and its ratio to a plain retain step timed in the same run."""

import numpy as np

from unlearning.evaluation.evidence import Evidence, Value
from unlearning.evaluation.statistics import trimmed_mean

METRICS = {
    "ms_per_step": {
        "label": "Step",
        "unit": "ms",
        "table": True,
        "description": "time of a step alone, mean without the slowest and the fastest tenth",
    },
    "step_time_ratio": {
        "label": "Step / finetune step",
        "unit": "×",
        "table": True,
        "description": "time of a step over that of a finetune step timed in between, in the same process",
    },
}
NEEDS = "trajectory"


def compute(evidence: Evidence) -> dict[str, Value]:
    """Both from the run's own clock; no ratio for a run too short to have timed a plain step."""
    seconds, pace = evidence.steps["seconds"], evidence.steps["finetune_step_seconds"]
    pace = pace[~np.isnan(pace)]
    return {
        "ms_per_step": Value(1000 * trimmed_mean(seconds)),
        "step_time_ratio": Value(trimmed_mean(seconds) / trimmed_mean(pace) if len(pace) else None),
    }

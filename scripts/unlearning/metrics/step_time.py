"""What a step costs: its time, and its ratio to the time of a plain finetune step in the same run."""

from unlearning.evaluation.crossings import step_times
from unlearning.evaluation.evidence import Evidence, Value

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
PANELS = {"ms_per_step": "cost", "step_time_ratio": "cost"}
BETTER = {"ms_per_step": "lower", "step_time_ratio": "lower"}
NEEDS = "trajectory"


def compute(evidence: Evidence) -> dict[str, Value]:
    """Time and ratio by the run's own clock; see `step_times`."""
    return step_times(evidence.steps)

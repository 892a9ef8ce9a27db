"""What a run costs: the time of its training or unlearning, its peak memory, and the memory of one step."""

from unlearning.evaluation.evidence import Evidence, Value

METRICS = {
    "total_seconds": {
        "label": "Whole run",
        "unit": "s",
        "table": False,
        "description": "seconds of training, or of preparation and all unlearning steps",
    },
    "peak_memory": {
        "label": "Peak memory",
        "unit": "MiB",
        "table": False,
        "description": "most memory: allocated on a GPU, or resident of the whole process on a CPU",
    },
    "step_memory": {
        "label": "Memory of a step",
        "unit": "MiB",
        "table": True,
        "description": "memory of all tensors that the direction of a step makes, at the moment when most of them are "
        "alive; weights, images and the optimiser's moments do not count",
    },
}
PANELS = {"step_memory": "cost"}
BETTER = {"step_memory": "lower"}
NEEDS = "cost"


def compute(evidence: Evidence) -> dict[str, Value]:
    """Time and memory as the job recorded them."""
    return {
        "total_seconds": Value(evidence.record["seconds"]),
        "peak_memory": Value(evidence.record["peak_memory_mib"]),
        "step_memory": Value(evidence.record.get("step_memory_mib")),
    }

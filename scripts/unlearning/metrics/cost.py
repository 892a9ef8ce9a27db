"""What a whole run costs: the time of its training or unlearning, and its peak memory."""

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
}
NEEDS = "cost"


def compute(evidence: Evidence) -> dict[str, Value]:
    """Time and memory as the job recorded them."""
    return {
        "total_seconds": Value(evidence.record["seconds"]),
        "peak_memory": Value(evidence.record["peak_memory_mib"]),
    }

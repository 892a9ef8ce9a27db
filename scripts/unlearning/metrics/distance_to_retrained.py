"""How far completions are from those that a model never trained on the forget set gives for the same input."""

from unlearning.evaluation.evidence import Evidence, Value
from unlearning.metrics.hole_error import hole_rmse

METRICS = {
    "distance_to_retrained": {
        "label": "RMSE to retrained",
        "unit": "",
        "table": True,
        "by_group": True,
        "description": "root mean square difference of the hidden pixels from the completion by a retrained model of "
        "another seed",
    }
}
NEEDS = "completions"


def compute(evidence: Evidence) -> dict[str, Value]:
    """For each group; no value where there is no other seed."""
    return {
        f"distance_to_retrained_{group}": Value(
            None if seen.retrained is None else hole_rmse(seen.completed, seen.retrained, seen.hidden)
        )
        for group, seen in evidence.completions.items()
    }

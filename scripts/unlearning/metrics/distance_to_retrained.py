"""How far completions are from the completions of the same images by a model never trained on the forget set."""

from unlearning.evaluation.evidence import Evidence, Value
from unlearning.metrics.hole_error import hole_rmse

METRICS = {
    "distance_to_retrained": {
        "label": "RMSE to retrained",
        "unit": "",
        "table": True,
        "normalised": True,
        "by_group": True,
        "description": "root mean square difference of the hidden pixels from the completion by a retrained model of "
        "another seed",
    }
}
PANELS = {"distance_to_retrained_heldout_forget": "forgetting", "distance_to_retrained_heldout_retain": "quality"}
NEEDS = "completions"
NEEDS_RETRAINED = ["distance_to_retrained"]


def compute(evidence: Evidence) -> dict[str, Value]:
    """The distance for each group; no value where there is no other seed."""
    values = {}
    for group, completion in evidence.completions.items():
        distance = None
        if completion.retrained is not None:
            distance = hole_rmse(completion.completed, completion.retrained, completion.hidden)
        values[f"distance_to_retrained_{group}"] = Value(distance)
    return values

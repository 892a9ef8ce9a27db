"""Fréchet distance (Heusel et al. 2017) from completed images to the true ones of the same group."""

from unlearning.evaluation.evidence import Evidence, Value
from unlearning.evaluation.statistics import moments
from unlearning.metrics.fid import check_count, frechet_distance

METRICS = {
    "completion_fid": {
        "label": "FID ({features})",
        "unit": "",
        "table": True,
        "normalised": True,
        "by_group": True,
        "description": "Fréchet distance, on {features}, from completed to true images",
    }
}
PANELS = {"completion_fid_heldout_forget": "forgetting", "completion_fid_heldout_retain": "quality"}
NEEDS = "completions"
MORE_IMAGES_THAN_FEATURES = {
    "classifier": "judge",
    "groups": ["forget", "retain", "heldout_forget", "heldout_retain"],
    "instead": "leave it out",
}


def compute(evidence: Evidence) -> dict[str, Value]:
    """The distance within each group; see `check_count`."""
    check_count(*(completion.features for completion in evidence.completions.values()))
    values = {}
    for group, completion in evidence.completions.items():
        distance = frechet_distance(*moments(completion.features), *moments(completion.true_features))
        values[f"completion_fid_{group}"] = Value(distance)
    return values

"""Inception score (Salimans et al. 2016) of completed images."""

from unlearning.evaluation.evidence import Evidence, Value
from unlearning.metrics.inception_score import inception_score

METRICS = {
    "completion_inception_score": {
        "label": "IS ({features})",
        "unit": "",
        "table": True,
        "normalised": True,
        "by_group": True,
        "description": "inception score, on {features}, of completed images",
    }
}
PANELS = {
    "completion_inception_score_heldout_forget": "forgetting",
    "completion_inception_score_heldout_retain": "quality",
}
NEEDS = "completions"


def compute(evidence: Evidence) -> dict[str, Value]:
    """The score of each group, of all its images at once."""
    return {
        f"completion_inception_score_{group}": Value(inception_score(completion.probabilities))
        for group, completion in evidence.completions.items()
    }

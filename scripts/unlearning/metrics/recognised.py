"""How often the judge recognises the true class in a completed image."""

from unlearning.evaluation.evidence import Evidence, Value

METRICS = {
    "recognised": {
        "label": "Recognised",
        "unit": "%",
        "table": True,
        "normalised": True,
        "by_group": True,
        "description": "share of completed images that the judge takes for their true class",
    }
}
PANELS = {"recognised_heldout_forget": "forgetting", "recognised_heldout_retain": "quality"}
NEEDS = "completions"


def compute(evidence: Evidence) -> dict[str, Value]:
    """The share in each group. The visible part alone may tell the class, so compare with the retrained model."""
    return {
        f"recognised_{group}": Value(100 * float((completion.classes == completion.labels).mean()))
        for group, completion in evidence.completions.items()
    }

"""Whether the ELBO alone still tells the forget set apart from images that the model was never trained on.

The metric is the rank of a forgotten image among held-out images. Over many images, the mean rank is the area under
the ROC curve of the loss-threshold membership attack (Yeom et al. 2018), within each class. The mean is around 0.5 if
forgotten images look like any others. A single image may be easy or hard by itself: compare its rank with the rank
that the retrained models give, which were never trained on the image.
"""

from unlearning.evaluation.evidence import Evidence, Value
from unlearning.evaluation.statistics import share_below

METRICS = {
    "elbo_rank": {
        "label": "{bound} rank",
        "unit": "",
        "table": True,
        "normalised": True,
        "description": "share of held-out images of the same class with a lower {bound} than a forgotten image, mean "
        "over the forget set: the AUC of a loss-threshold membership attack",
    }
}
PANELS = {"elbo_rank": "likelihood"}
NEEDS = "losses"
SETTINGS = ["elbo_draws"]
OPTIONAL_SETTINGS = ["elbo_bound"]


def compute(evidence: Evidence) -> dict[str, Value]:
    """The mean rank; no value where no held-out image has the class of a forgotten image; NaN where a loss is NaN."""
    scores = {group: -losses for group, losses in evidence.losses.items()}
    ranks = share_below(*evidence.members(scores), *evidence.non_members(scores))
    return {"elbo_rank": Value(float(ranks.mean()) if len(ranks) else None)}

"""Whether the forget set is still told apart from images that were never trained on, by the ELBO alone.

The rank of a forgotten image among held-out ones; over many images, the area under the ROC curve of the
loss-threshold membership attack (Yeom et al. 2018), within each class. Around 0.5 for images like any other;
for a single image only the retrained models' rank says what never having seen it means.
"""

from unlearning.evaluation.evidence import Evidence, Value
from unlearning.evaluation.statistics import share_below

METRICS = {
    "elbo_rank": {
        "label": "ELBO rank",
        "unit": "",
        "table": True,
        "description": "share of held-out images of the same class with a lower ELBO than a forgotten image, mean over "
        "the forget set: the AUC of a loss-threshold membership attack",
    }
}
NEEDS = "losses"
SETTINGS = ["elbo_draws"]


def compute(evidence: Evidence) -> dict[str, Value]:
    """The mean rank; no value where no held-out image has the class of a forgotten one."""
    scores = {group: -losses for group, losses in evidence.losses.items()}
    ranks = share_below(*evidence.members(scores), *evidence.non_members(scores))
    return {"elbo_rank": Value(float(ranks.mean()) if len(ranks) else None)}

"""Membership inference against models that were never trained on the forget set: the offline LiRA attack.

Carlini et al. (IEEE S&P 2022, section IV) compare a model's statistic φ(x) on an image x with the statistics of models
that were trained without the image: Λ = Pr[Z ≤ φ(x)], Z ~ N(μ(x), σ²). Here φ is the ELBO in nats. The models without
the image are the retrained models of the other seeds. No model was trained on the held-out images. μ(x) is each image's
mean over these models. The paper advises one common variance where models are few. So σ² is the variance between the
models, averaged over the held-out images.
"""

import numpy as np

from unlearning.evaluation.evidence import Evidence, Value
from unlearning.evaluation.statistics import share_below

METRICS = {
    "membership_auc": {
        "label": "Membership AUC",
        "unit": "",
        "table": True,
        "normalised": True,
        "description": "share of held-out images of the same class that the offline LiRA attack, with the retrained "
        "models of other seeds as reference, takes for members less than a forgotten image; 0.5: told apart no better "
        "than by chance",
    },
    "membership_score": {
        "label": "LiRA score",
        "unit": "",
        "table": True,
        "normalised": True,
        "description": "probability that a model that never saw a forgotten image gives it a lower ELBO, mean over the "
        "forget set; 0.5: as such models do on average",
    },
}
NEEDS = "losses"
SETTINGS = ["elbo_draws"]


def compute(evidence: Evidence) -> dict[str, Value]:
    """AUC and score. No score with fewer than two reference models, and nothing without any."""
    if not evidence.retrained_losses:
        return {}
    scores, deviation = likelihood_scores(evidence.losses, evidence.retrained_losses)
    ranks = share_below(*evidence.members(scores), *evidence.non_members(scores))
    return {
        "membership_auc": Value(float(ranks.mean()) if len(ranks) else None),
        "membership_score": Value(mean_probability(scores["forget"] / deviation) if deviation else None),
    }


def likelihood_scores(
    losses: dict[str, np.ndarray], references: dict[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], float]:
    """φ(x) − μ(x) of each image by group, in nats, and the common σ.

    Args:
        losses: of the attacked model, (n,) negative ELBOs by group.
        references: of K models that were trained on none of these images, (K, n) by group.

    Returns:
        Scores (n,) by the groups of `references`; σ, which is 0 where K = 1.
    """
    scores = {group: values.mean(0) - losses[group] for group, values in references.items()}
    heldout = np.concatenate([references[group] for group in ("heldout_forget", "heldout_retain")], axis=1)
    deviation = np.sqrt(heldout.var(axis=0, ddof=1).mean()) if len(heldout) > 1 else 0.0
    return scores, float(deviation)


def mean_probability(standardised: np.ndarray) -> float:
    """Mean of Pr[Z ≤ z] for standard normal Z over z (n,)."""
    from scipy.special import ndtr

    return float(ndtr(standardised).mean())

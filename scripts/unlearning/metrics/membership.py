r"""Membership inference against models that were never trained on the forget set: the offline LiRA attack.

Carlini et al. (IEEE S&P 2022, section IV) compare a model's statistic $\varphi(x)$ on an image $x$ with the statistics
of models that were trained without the image:

$$\Lambda = \Pr[Z \le \varphi(x)], \qquad Z \sim N(\mu(x), \sigma^2).$$

Here $\varphi$ is the ELBO in nats. The models without the image are the retrained models of the other seeds. No model
was trained on the held-out images. $\mu(x)$ is each image's mean over these $K$ models. The paper advises one common
variance where models are few. So $\sigma^2$ is the variance between the models, averaged over the held-out images.
$\mu(x)$ has a variance of its own, $\sigma^2 / K$. The difference $\varphi(x) - \mu(x)$ of a model that never saw $x$
therefore has the variance $\sigma^2 (1 + 1/K)$, and with a standard normal $Z$

$$\Lambda = \Pr\left[ Z \le \frac{\varphi(x) - \mu(x)}{\sigma \sqrt{1 + 1/K}} \right].$$

Without the root, as in the paper, Λ of such models would not be uniform. The draws of noise in $\varphi$ are common to
all models, see `unlearning.evaluation.likelihood`.
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
        "description": "probability that a model that never saw a forgotten image gives it a lower {bound}, mean over "
        "the forget set; 0.5: as such models do on average",
    },
    "membership_draws": {
        "label": "Draws of noise",
        "unit": "",
        "table": False,
        "description": "number of draws of noise in the {bound} of an image",
    },
    "membership_noise_share": {
        "label": "Monte Carlo noise",
        "unit": "%",
        "table": False,
        "description": "share of Monte Carlo noise in the variance of the {bound} of an image between retrained models",
    },
}
PANELS = {"membership_auc": "likelihood", "membership_score": "likelihood"}
NOTE = (
    "Membership is judged by the {bound} of each image over {values[membership_draws]} draws of noise, which are "
    "common to all models, and by {other_seeds} retrained models of other seeds. Monte Carlo noise is "
    "{values[membership_noise_share]} % of the variance between retrained models."
)
NEEDS = "losses"
NEEDS_RETRAINED = ["membership"]
SETTINGS = ["elbo_draws", "elbo_noise_share", "elbo_most_draws"]
OPTIONAL_SETTINGS = ["elbo_bound"]


def compute(evidence: Evidence) -> dict[str, Value]:
    """AUC and score, NaN where a loss is NaN. No score with one reference model, and nothing without any."""
    if not evidence.retrained_losses:
        return {}
    scores, deviation = likelihood_scores(evidence.losses, evidence.retrained_losses)
    share = evidence.noise_share
    ranks = share_below(*evidence.members(scores), *evidence.non_members(scores))
    return {
        "membership_auc": Value(float(ranks.mean()) if len(ranks) else None),
        "membership_score": Value(mean_probability(scores["forget"] / deviation) if deviation else None),
        "membership_draws": Value(evidence.loss_draws),
        "membership_noise_share": Value(None if share is None else 100 * share),
    }


def likelihood_scores(
    losses: dict[str, np.ndarray], references: dict[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], float]:
    """φ(x) − μ(x) of each image by group, in nats, and their deviation σ √(1 + 1/K).

    Args:
        losses: of the attacked model, (n,) negative ELBOs by group.
        references: of K models that were trained on none of these images, (K, n) by group.

    Returns:
        Scores (n,) by the groups of `references`; the deviation, which is 0 where K = 1.
    """
    scores = {group: values.mean(0) - losses[group] for group, values in references.items()}
    heldout = np.concatenate([references[group] for group in ("heldout_forget", "heldout_retain")], axis=1)
    models = len(heldout)
    variance = heldout.var(axis=0, ddof=1).mean() * (1 + 1 / models) if models > 1 else 0.0
    return scores, float(np.sqrt(variance))


def mean_probability(standardised: np.ndarray) -> float:
    """Mean of Pr[Z ≤ z] for standard normal Z over z (n,)."""
    from scipy.special import ndtr

    return float(ndtr(standardised).mean())

"""Mean loss of the model on each group of real images. For a VAE, the loss is the negative of a bound on log p(x)."""

from unlearning.evaluation.evidence import Evidence, Value

METRICS = {
    "negative_elbo": {
        "label": "−{bound}",
        "unit": "nats",
        "table": True,
        "normalised": True,
        "by_group": True,
        "description": "mean negative {bound}",
    },
}
PANELS = {"negative_elbo_heldout_forget": "likelihood", "negative_elbo_heldout_retain": "likelihood"}
NEEDS = "losses"
SETTINGS = ["elbo_draws"]
OPTIONAL_SETTINGS = ["elbo_bound"]


def compute(evidence: Evidence) -> dict[str, Value]:
    """The mean over each group of images; no value for an empty group."""
    return {
        f"negative_elbo_{group}": Value(float(losses.mean()) if len(losses) else None)
        for group, losses in evidence.losses.items()
    }

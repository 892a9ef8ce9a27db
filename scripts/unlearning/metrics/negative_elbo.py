"""Mean loss of the model on each group of real images; for a VAE, the negative ELBO."""

from unlearning.metrics import Evidence, Value

METRICS = {
    "negative_elbo_forget": {
        "label": "−ELBO forget",
        "unit": "nats",
        "table": False,
        "description": "mean negative ELBO of the forget set",
    },
    "negative_elbo_retain": {
        "label": "−ELBO retain",
        "unit": "nats",
        "table": False,
        "description": "mean negative ELBO of the retain set",
    },
    "negative_elbo_heldout_forget": {
        "label": "−ELBO held-out forget",
        "unit": "nats",
        "table": True,
        "description": "mean negative ELBO of held-out images of the forget set's classes",
    },
    "negative_elbo_heldout_retain": {
        "label": "−ELBO held-out retain",
        "unit": "nats",
        "table": True,
        "description": "mean negative ELBO of all other held-out images",
    },
}
NEEDS = "losses"


def compute(evidence: Evidence) -> dict[str, Value]:
    """The mean over each group of images; no value for an empty group."""
    return {
        f"negative_elbo_{group}": Value(float(losses.mean()) if len(losses) else None)
        for group, losses in evidence.losses.items()
    }

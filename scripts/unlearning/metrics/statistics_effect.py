"""Effect of the running statistics alone: the same weights with statistics from three sources.

Released code leaves the running statistics that the last steps of a method happened to produce. The other two sources
are estimated again as `unlearning.networks.running_statistics` says. 'Mixed' is what a method leaves that passes as
many forget as retain batches through the model, as gradient surgery and UNO do.
"""

from unlearning.evaluation.evidence import Evidence, Value
from unlearning.evaluation.shares import share_value

METRICS = {
    "running_statistics_as_left_forget_fraction": {
        "label": "Forget fraction, statistics as left",
        "unit": "%",
        "table": False,
        "description": "forget fraction with the running statistics that the run left",
    },
    "running_statistics_retain_forget_fraction": {
        "label": "Forget fraction, retain statistics",
        "unit": "%",
        "table": False,
        "description": "forget fraction with running statistics of retain batches alone",
    },
    "running_statistics_mixed_forget_fraction": {
        "label": "Forget fraction, mixed statistics",
        "unit": "%",
        "table": False,
        "description": "forget fraction with running statistics of as many retain as forget batches",
    },
    "running_statistics_as_left_negative_elbo": {
        "label": "−ELBO held-out retain, statistics as left",
        "unit": "nats",
        "table": False,
        "description": "mean negative ELBO of held-out retain images with the running statistics that the run left",
    },
    "running_statistics_retain_negative_elbo": {
        "label": "−ELBO held-out retain, retain statistics",
        "unit": "nats",
        "table": False,
        "description": "mean negative ELBO of held-out retain images with running statistics of retain batches alone",
    },
    "running_statistics_mixed_negative_elbo": {
        "label": "−ELBO held-out retain, mixed statistics",
        "unit": "nats",
        "table": False,
        "description": "mean negative ELBO of held-out retain images with running statistics of as many retain "
        "as forget batches",
    },
}
NEEDS = "by_statistics"
SETTINGS = ["elbo_draws"]


def compute(evidence: Evidence) -> dict[str, Value]:
    """Both quantities by source; no forget fraction where no class is forgotten as a whole."""
    values = {}
    for source, (class_counts, losses) in evidence.by_statistics.items():
        name = f"running_statistics_{source}"
        values[f"{name}_negative_elbo"] = Value(float(losses.mean()) if len(losses) else None)
        if evidence.forgotten_classes:
            forgotten = class_counts[:, evidence.forgotten_classes].sum(1)
            values[f"{name}_forget_fraction"] = share_value(forgotten, class_counts[0].sum())
    return values

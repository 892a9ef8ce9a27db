"""What a metric's file says of the metrics that the file computes."""

from functools import cache

from unlearning.data.forget_set import GROUPS
from unlearning.plugins.describe import LIBRARY, describe_plugin


def _by_group(metric: str, entry: dict) -> list[tuple[str, dict]]:
    """The metric itself, or one for each group of images; the table has columns for the held-out ones."""
    if not entry.get("by_group"):
        return [(metric, entry)]
    return [
        (
            f"{metric}_{group}",
            {
                "label": f"{entry['label']} {named}",
                "unit": entry["unit"],
                "table": group.startswith("heldout") and entry["table"],
                "description": f"{entry['description']}, {named} images",
            },
        )
        for group, named in GROUPS.items()
    ]


@cache
def describe_metrics(name: str) -> dict[str, dict]:
    """The literal `METRICS` of one metric file, read without running the file.

    A metric with `by_group` becomes one metric for each group of images.

    Args:
        name: of a file in `unlearning/metrics`.

    Returns:
        Label, unit, description and further entries of each metric, by its name.

    Raises:
        ValueError: an entry lacks one of the required keys; see also `describe_plugin`.
    """
    described = describe_plugin("metrics", name)
    for metric, entry in described.items():
        if missing := {"label", "unit", "table", "description"}.difference(entry):
            path = LIBRARY / "metrics" / f"{name}.py"
            raise ValueError(f"{path}: METRICS.{metric} lacks {', '.join(sorted(missing))}")
    return {key: value for metric, entry in described.items() for key, value in _by_group(metric, entry)}

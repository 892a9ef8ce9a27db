"""What a metric's file says of the metrics that the file computes."""

from functools import cache

from unlearning.data.forget_set import GROUPS
from unlearning.plugins.describe import LIBRARY, describe_plugin

REQUIRED = ("label", "unit", "table", "description")


@cache
def describe_metrics(file: str) -> dict[str, dict]:
    """The literal `METRICS` of one metric file, read without running the file.

    An entry with `by_group` becomes an entry for each group of images. The main table has columns for held-out images
    only.

    Args:
        file: name of a file in `unlearning/metrics`.

    Returns:
        Label, unit, description and further entries of each metric, by its name.

    Raises:
        ValueError: an entry lacks one of the required keys.
    """
    descriptions = {}
    for metric, entry in describe_plugin("metrics", file).items():
        if missing := [key for key in REQUIRED if key not in entry]:
            path = LIBRARY / "metrics" / f"{file}.py"
            raise ValueError(f"{path}: METRICS.{metric} lacks {', '.join(sorted(missing))}")
        if entry.get("by_group"):
            for group, words in GROUPS.items():
                descriptions[f"{metric}_{group}"] = {
                    "label": f"{entry['label']} {words}",
                    "unit": entry["unit"],
                    "table": group.startswith("heldout") and entry["table"],
                    "description": f"{entry['description']}, {words} images",
                }
        else:
            descriptions[metric] = entry
    return descriptions

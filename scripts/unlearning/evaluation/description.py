"""What a metric's file says of the metrics that the file computes."""

from functools import cache

from unlearning.data.forget_set import GROUPS
from unlearning.plugins.describe import LIBRARY, describe_plugin

REQUIRED = ("label", "unit", "table", "description")
SWITCHES = ("table", "normalised", "by_group", "event", "has_threshold")


@cache
def describe_metrics(file: str) -> dict[str, dict]:
    """The literal `METRICS` of one metric file, read without running the file.

    An entry with `by_group` becomes an entry for each group of images. The main table has columns for held-out images
    only.

    Args:
        file: name of a file in `unlearning/metrics`.

    Returns:
        Label, unit, description and further entries of each metric, by its name.
    """
    descriptions = {}
    for metric, entry in describe_plugin("metrics", file).items():
        _check(entry, f"{LIBRARY / 'metrics' / file}.py: METRICS.{metric}")
        if entry.get("by_group"):
            for group, words in GROUPS.items():
                descriptions[f"{metric}_{group}"] = {
                    "label": f"{entry['label']} {words}",
                    "unit": entry["unit"],
                    "table": group.startswith("heldout") and entry["table"],
                    "normalised": entry.get("normalised", False),
                    "description": f"{entry['description']}, {words} images",
                }
        else:
            descriptions[metric] = entry
    return descriptions


def _check(entry: dict, place: str) -> None:
    """Refuse an entry that the tables and figures could not read as it was meant.

    Args:
        entry: description of a metric.
        place: the file and the metric, for the message.

    Raises:
        ValueError: the entry lacks one of the required keys, or has an unknown key or a wrong value.
    """
    if missing := [key for key in REQUIRED if key not in entry]:
        raise ValueError(f"{place} lacks {', '.join(sorted(missing))}")
    if unknown := sorted(set(entry).difference(REQUIRED, SWITCHES)):
        raise ValueError(f"{place}.{unknown[0]}: no such key; the keys are {', '.join(sorted({*REQUIRED, *SWITCHES}))}")
    for key in SWITCHES:
        if not isinstance(entry.get(key, False), bool):
            raise ValueError(f"{place}.{key}: {entry[key]!r} is neither True nor False")

"""What a metric's file says of the metrics that the file computes."""

from functools import cache

from unlearning.data.forget_set import GROUPS
from unlearning.plugins.describe import LIBRARY, describe_plugin, plugin_constant

REQUIRED = ("label", "unit", "table", "description")
SWITCHES = ("table", "normalised", "by_group", "event", "has_threshold")
# The themes of the main table, with their titles, in their order.
PANELS = {
    "forgetting": "Forgetting",
    "quality": "Quality",
    "likelihood": "Likelihood and membership",
    "cost": "Cost",
    "as_published": "As published",
}
BETTER = ("lower", "higher")


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


@cache
def describe_columns(file: str) -> dict[str, dict]:
    """The panel of each metric of one metric file, and whether lower or higher values are better.

    These are literals of their own and no entries of `METRICS`, because no value of a metric depends on them.

    Args:
        file: name of a file in `unlearning/metrics`.

    Returns:
        `panel`, a key of `PANELS` or None, and `better`, one of `BETTER` or None, of each metric, by its name.

    Raises:
        ValueError: the file names another metric, panel or direction.
    """
    metrics, columns = describe_metrics(file), {}
    for key, literal, choices in (("panel", "PANELS", tuple(PANELS)), ("better", "BETTER", BETTER)):
        declared = plugin_constant("metrics", file, literal) or {}
        for metric, value in declared.items():
            place = f"{LIBRARY / 'metrics' / file}.py: {literal}.{metric}"
            if metric not in metrics:
                raise ValueError(f"{place}: no such metric; the metrics of the file are {', '.join(metrics)}")
            if value not in choices:
                raise ValueError(f"{place} = {value!r}: must be one of {', '.join(map(repr, choices))}")
        columns[key] = declared
    lower = {metric: "lower" for metric, entry in metrics.items() if entry.get("event")}
    better = lower | columns["better"]
    return {metric: {"panel": columns["panel"].get(metric), "better": better.get(metric)} for metric in metrics}


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

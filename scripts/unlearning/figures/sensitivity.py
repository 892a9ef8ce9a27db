"""What a result owes to one setting: rows that differ from their method's own row in one key."""

import matplotlib.pyplot as plt
import pandas as pd

from unlearning.config import REFERENCES, method_settings, rule_of
from unlearning.plotting import colors, markers, over_seeds, reference_bands
from unlearning.results import Results, with_unit

# A row belongs to the first of these in which it differs: an optimiser needs a learning rate of its own.
SWEPT = ("optimizer", "orthogonality_weight", "batch_normalisation", "loss_reduction", "batch_size", "learning_rate")
METRICS = (
    "forget_fraction",
    "fid_retain",
    "sustained_crossing_steps",
    "sustained_crossing_seconds",
    "published_steps",
)


def draw(results: Results) -> tuple[plt.Figure, str]:
    """A column per swept key, a row per metric: mean and range over seeds, a line per method.

    Raises:
        ValueError: no row differs from the row that is named like its method.
    """
    swept = sweeps(results.experiment)
    if not swept:
        raise ValueError("the figure sensitivity needs rows that differ from their method's own row in one key")
    metrics = [metric for metric in METRICS if metric in results.described]
    rules = list(dict.fromkeys(rule for rows in swept.values() for rule in rows["rule"]))
    figure, axes = plt.subplots(
        len(metrics),
        len(swept),
        figsize=(1.9 * len(swept) + 0.8, 1.7 * len(metrics) + 0.6),
        sharex="col",
        sharey="row",
        squeeze=False,
    )
    for column, (key, rows) in enumerate(swept.items()):
        places = {label: number for number, label in enumerate(dict.fromkeys(rows["label"]))}
        for axis, metric in zip(axes[:, column], metrics, strict=True):
            for rule in rules:
                own = rows[rows["rule"] == rule]
                over_seeds(
                    axis,
                    [places[label] for label in own["label"]],
                    [results.values(metric, row)["value"] for row in own["row"]],
                    color=colors(rules)[rule],
                    marker=markers(rules)[rule],
                    label=rule,
                )
            if metric == "fid_retain":
                axis.set_yscale("log")
            reference_bands(axis, {name: results.values(metric, name)["value"] for name in REFERENCES})
        axes[-1, column].set_xticks(list(places.values()), list(places), rotation=60, ha="right")
        axes[0, column].set_title(key.replace("_", " "), fontsize="medium")
    for axis, metric in zip(axes[:, 0], metrics, strict=True):
        label = with_unit(results.described[metric]["label"], results.described[metric]["unit"])
        axis.set_ylabel(label.replace(" (", "\n("), fontsize="small")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(rules), frameon=False)
    caption = (
        "Each column changes one setting and leaves the others as the experiment has them; mean and range over seeds. "
        "Lines across and bands: mean and range of the original (grey) and the retrained models (black). Runs that "
        "never unlearn count with "
        f"their last step; rows that diverged have no point. {results.conditions()}"
    )
    return figure, caption


def sweeps(experiment: dict) -> dict[str, pd.DataFrame]:
    """For each swept key the rows to show, its methods' own rows among them: `row`, `rule` and `label`, in order."""
    settings = {row: method_settings(experiment, row) for row in experiment["methods"]}
    flat = {row: {**values, **values["parameters"]} for row, values in settings.items()}
    found = {}
    for row, values in flat.items():
        rule = rule_of(experiment, row)
        differing = [key for key in SWEPT if rule in flat and values.get(key) != flat[rule].get(key)]
        if differing:
            label = ", ".join(_text(values[key]) for key in differing)
            found.setdefault(differing[0], []).append((row, rule, label, values[differing[0]]))
    tables = {}
    for key in (key for key in SWEPT if key in found):
        own = [
            (rule, rule, _text(flat[rule][key]), flat[rule][key])
            for rule in dict.fromkeys(rule for _, rule, _, _ in found[key])
        ]
        table = pd.DataFrame([*own, *found[key]], columns=["row", "rule", "label", "value"])
        tables[key] = table.sort_values("value", kind="stable").drop(columns="value")
    return tables


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)

"""What a result owes to one setting: rows that differ from their method's own row in one key."""

import matplotlib.pyplot as plt
import pandas as pd

from unlearning.experiment import REFERENCES, rows_alike_but_for
from unlearning.plotting import colors, markers, over_seeds, reference_bands
from unlearning.results import Results, with_unit

# A row belongs to the first of these in which it differs: an optimiser needs a learning rate of its own.
SWEPT = ("optimizer", "orthogonality_weight", "batch_normalisation", "loss_reduction", "batch_size", "learning_rate")
NEEDS = {"evaluation.metrics": {"contains": {"enum": ["forget_fraction", "fid", "time_to_unlearn", "as_published"]}}}
METRICS = (
    "forget_fraction",
    "fid_retain",
    "sustained_crossing_steps",
    "sustained_crossing_seconds",
    "published_steps",
)


def draw(results: Results) -> tuple[plt.Figure, str]:
    """A column per swept key, a row per metric: mean and range over seeds, a line per sweep."""
    swept = sweeps(results.experiment)
    metrics = [metric for metric in METRICS if metric in results.described]
    bases = list(dict.fromkeys(base for rows in swept.values() for base in rows["base"]))
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
            for base in bases:
                own = rows[rows["base"] == base]
                over_seeds(
                    axis,
                    [places[label] for label in own["label"]],
                    [finished(results.values(metric, row))["value"] for row in own["row"]],
                    color=colors(bases)[base],
                    marker=markers(bases)[base],
                    label=base,
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
    figure.legend(handles, labels, loc="outside upper center", ncols=len(bases), frameon=False)
    caption = (
        "Each column changes one setting and leaves the others as the experiment has them; mean and range over seeds. "
        "Lines across and bands: mean and range of the original (grey) and the retrained models (black). Runs that "
        "never unlearn count with "
        f"their last step; those that diverged are left out. {results.conditions()}"
    )
    return figure, caption


def finished(runs: pd.DataFrame) -> pd.DataFrame:
    """Those that did not diverge: one that did says nothing by its last step."""
    return runs[runs["status"] != "diverged"]


def sweeps(experiment: dict) -> dict[str, pd.DataFrame]:
    """For each swept key the rows to show, in order: `row`, `base` (the first row of its sweep) and `label`."""
    found = {}
    for rows in rows_alike_but_for(experiment, SWEPT):
        base, own = next(iter(rows.items()))
        for row, values in rows.items():
            if differing := [key for key in SWEPT if values.get(key) != own.get(key)]:
                key, label = differing[0], ", ".join(_text(values[key]) for key in differing)
                shown = found.setdefault(key, {})
                shown[base] = (base, base, _text(own[key]), own[key])
                shown[row] = (row, base, label, values[key])
    return {
        key: pd.DataFrame(found[key].values(), columns=["row", "base", "label", "value"])
        .sort_values("value", kind="stable")
        .drop(columns="value")
        for key in SWEPT
        if key in found
    }


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)

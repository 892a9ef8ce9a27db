"""What a result owes to one setting: rows that differ from their method's own row in one key."""

from dataclasses import asdict
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pandas as pd

from unlearning.config.experiment import REFERENCES, rows_alike_but_for
from unlearning.io.files import read_columns, read_json
from unlearning.plugins.load import load_plugin
from unlearning.reporting.plotting import colors, markers, over_seeds, reference_bands
from unlearning.reporting.results import Results, with_unit

# A row belongs to the first of these in which it differs: an optimiser needs a learning rate of its own.
SWEPT = ("optimizer", "orthogonality_weight", "batch_normalisation", "loss_reduction", "batch_size", "learning_rate")
NEEDS = {"evaluation.metrics": {"contains": {"enum": ["forget_fraction", "fid", "time_to_unlearn", "as_published"]}}}
METRICS = (
    "forget_fraction",
    "fid_retain",
    "first_crossing_steps",
    "sustained_crossing_steps",
    "sustained_crossing_seconds",
    "published_steps",
)
THRESHOLDS = (0.01, 0.02, 0.05)
CROSSINGS = ("time_to_unlearn", "as_published")


def draw(results: Results) -> tuple[plt.Figure, str]:
    """A column per swept key and one for the threshold, a row per metric: a line per sweep, over seeds."""
    swept = sweeps(results.experiment)
    metrics = [metric for metric in METRICS if metric in results.described]
    bases = list(dict.fromkeys(base for rows in swept.values() for base in rows["base"]))
    columns = {
        key: [(row.base, row.label, results.metrics[results.metrics["method"] == row.row]) for row in rows.itertuples()]
        for key, rows in swept.items()
    }
    if set(CROSSINGS) & set(results.experiment["evaluation"]["metrics"]):
        columns["threshold"] = [
            (base, f"{threshold:.0%}", at_threshold(results, base, threshold))
            for threshold in THRESHOLDS
            for base in bases
        ]
    figure, axes = plt.subplots(
        len(metrics),
        len(columns),
        figsize=(1.9 * len(columns) + 0.8, 1.7 * len(metrics) + 0.6),
        sharex="col",
        sharey="row",
        squeeze=False,
    )
    for column, (key, cells) in enumerate(columns.items()):
        places = {label: number for number, label in enumerate(dict.fromkeys(label for _, label, _ in cells))}
        for axis, metric in zip(axes[:, column], metrics, strict=True):
            event = results.described[metric].get("event", False)
            for base in bases:
                own = [(label, runs) for row, label, runs in cells if row == base]
                over_seeds(
                    axis,
                    [places[label] for label, _ in own],
                    [of(runs, metric, event) for _, runs in own],
                    event=event,
                    color=colors(bases)[base],
                    marker=markers(bases)[base],
                    label=base,
                )
            axis.set_visible(axis.has_data())
            if metric == "fid_retain":
                axis.set_yscale("log")
            reference_bands(axis, {name: results.values(metric, name)["value"] for name in REFERENCES})
        seen = [axis for axis in axes[:, column] if axis.get_visible()] or axes[:, column]
        seen[-1].set_xticks(list(places.values()), list(places), rotation=60, ha="right")
        seen[-1].tick_params(labelbottom=True)
        seen[0].set_title(key.replace("_", " "), fontsize="medium")
    for axis, metric in zip(axes[:, 0], metrics, strict=True):
        label = with_unit(results.described[metric]["label"], results.described[metric]["unit"])
        axis.set_ylabel(label.replace(" (", "\n("), fontsize="small")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(bases), frameon=False)
    caption = (
        "Each column changes one setting, and those that a label names after it, and leaves the others as the "
        "experiment has them; 'threshold' reads other crossings off the same runs. Mean and range over seeds; of "
        "crossings, Kaplan–Meier median and range, hollow where fewer than half of the runs got there, so that it is a "
        "lower bound. By the published protocol runs that never crossed count with their last step; those that "
        "diverged are left out of means. Lines across and bands: mean and range of the original (grey) and the "
        f"retrained models (black). {results.conditions()}"
    )
    return figure, caption


def of(runs: pd.DataFrame, metric: str, event: bool) -> pd.DataFrame:
    """Those that have a value of the metric; of its mean also not one that diverged, whose last step says nothing."""
    return runs[(runs["metric"] == metric) & runs["value"].notna() & (event | (runs["status"] != "diverged"))]


def at_threshold(results: Results, row: str, threshold: float) -> pd.DataFrame:
    """Metrics of a row's runs that rest on crossing a threshold, with another one: `metric`, `value`, `censored`, …"""
    found = []
    for seed in results.experiment["seeds"]:
        folder = results.run(row, seed)
        evidence = SimpleNamespace(
            threshold=threshold,
            steps=read_columns(folder / "steps.csv"),
            measurements=read_columns(folder / "measurements.csv"),
            record=read_json(folder / "record.json"),
            published_features=None,
        )
        for file in set(CROSSINGS) & set(results.experiment["evaluation"]["metrics"]):
            values = load_plugin("metrics", file).compute(evidence)
            status = evidence.record["status"]
            found += [{"metric": name, "status": status, **asdict(value)} for name, value in values.items()]
    return pd.DataFrame(found, columns=["metric", "status", "value", "low", "high", "censored"])


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

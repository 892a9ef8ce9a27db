"""What a result owes to one setting: rows that differ from their method's own row in one key."""

from dataclasses import asdict, dataclass

import matplotlib.pyplot as plt
import pandas as pd

from unlearning.evaluation.crossings import crossings, published_crossings
from unlearning.io.files import read_columns, read_json
from unlearning.reporting.captions import render_caption
from unlearning.reporting.plotting import colors, line_over_seeds, markers, reference_bands
from unlearning.reporting.results import Results, label_with_unit
from unlearning.reporting.sweeps import sweeps

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
CROSSINGS = {"first_crossing_steps", "published_steps"}  # metrics that show whether crossings are measured
THRESHOLDS = (0.01, 0.02, 0.05)


@dataclass(frozen=True)
class Cell:
    """A point of a line.

    Attributes:
        base: First row of the sweep, whose name the line has.
        label: Label on the x-axis.
        runs: Metrics of the runs: `metric`, `value`, `censored`, `status`.
    """

    base: str
    label: str
    runs: pd.DataFrame


def draw(results: Results) -> tuple[plt.Figure, str]:
    """Draw a column per swept key and one for the threshold, and a row per metric, with a line per sweep.

    Args:
        results: Results of the experiment.

    Returns:
        The figure and its caption.
    """
    metrics = [metric for metric in METRICS if metric in results.descriptions]
    columns = _columns(results)
    bases = list(dict.fromkeys(cell.base for cells in columns.values() for cell in cells))
    size = (1.9 * len(columns) + 0.8, 1.7 * len(metrics) + 0.6)
    figure, axes = plt.subplots(len(metrics), len(columns), figsize=size, sharex="col", sharey="row", squeeze=False)
    for column, (key, cells) in zip(axes.T, columns.items(), strict=True):
        for axis, metric in zip(column, metrics, strict=True):
            _draw_panel(axis, results, metric, bases, cells)
        visible = [axis for axis in column if axis.get_visible()] or column
        labels = _labels(cells)
        visible[-1].set_xticks(range(len(labels)), labels, rotation=60, ha="right")
        visible[-1].tick_params(labelbottom=True)
        visible[0].set_title(key.replace("_", " "), fontsize="medium")
    for axis, metric in zip(axes[:, 0], metrics, strict=True):
        label = label_with_unit(results.descriptions[metric]).replace(" (", "\n(")
        axis.set_ylabel(label, fontsize="small")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(bases), frameon=False)
    return figure, render_caption("sensitivity", results)


def _columns(results: Results) -> dict[str, list[Cell]]:
    """The cells of each column, by its key."""
    metrics = results.metrics
    columns = {
        key: [Cell(row.base, row.label, metrics[metrics["method"] == row.row]) for row in rows.itertuples()]
        for key, rows in sweeps(results.experiment, SWEPT).items()
    }
    bases = dict.fromkeys(cell.base for cells in columns.values() for cell in cells)
    if CROSSINGS.intersection(results.descriptions):
        columns["threshold"] = [
            Cell(base, f"{threshold:.0%}", at_threshold(results, base, threshold))
            for threshold in THRESHOLDS
            for base in bases
        ]
    return columns


def at_threshold(results: Results, row: str, threshold: float) -> pd.DataFrame:
    """Evaluate the crossings of another threshold.

    Args:
        results: Results of the experiment.
        row: Row whose runs are evaluated.
        threshold: Share of the samples, between 0 and 1.

    Returns:
        A table of metrics: `metric`, `status`, `value`, `low`, `high` and `censored`.
    """
    values = []
    for seed in results.experiment["seeds"]:
        if results.has_failed(row, seed):
            continue
        folder = results.run(row, seed)
        record, steps = read_json(folder / "record.json"), read_columns(folder / "steps.csv")
        measurements = read_columns(folder / "measurements.csv")
        of_run = crossings(measurements, steps, record, threshold) | published_crossings(steps, record, threshold)
        values += [{"metric": name, "status": record["status"], **asdict(value)} for name, value in of_run.items()]
    return pd.DataFrame(values, columns=["metric", "status", "value", "low", "high", "censored"])


def _labels(cells: list[Cell]) -> list[str]:
    """The labels on the x-axis of a column, in order."""
    return list(dict.fromkeys(cell.label for cell in cells))


def _draw_panel(axis: plt.Axes, results: Results, metric: str, bases: list[str], cells: list[Cell]) -> None:
    """Draw the lines of one metric in one column, and hide a panel without data.

    Args:
        axis: Where to draw.
        results: Results of the experiment.
        metric: Metric of the panel.
        bases: Names of all lines of the figure.
        cells: Points of all lines of the column.
    """
    event, labels = results.descriptions[metric].get("event", False), _labels(cells)
    for base in bases:
        line = [cell for cell in cells if cell.base == base]
        line_over_seeds(
            axis,
            [labels.index(cell.label) for cell in line],
            [_with_value(cell.runs, metric, event) for cell in line],
            event=event,
            color=colors(bases)[base],
            marker=markers(bases)[base],
            label=base,
        )
    axis.set_visible(axis.has_data())
    if metric == "fid_retain":
        axis.set_yscale("log")
    reference_bands(axis, results, metric)


def _with_value(runs: pd.DataFrame, metric: str, event: bool) -> pd.DataFrame:
    """Select the runs with a value. A mean leaves out diverged runs, too: their last step would pass for a time."""
    return runs[(runs["metric"] == metric) & runs["value"].notna() & (event | (runs["status"] != "diverged"))]

"""What the weight α of the forget term does: rows that differ in the weight alone."""

import matplotlib.pyplot as plt

from unlearning.config.experiment import rows_alike_but_for
from unlearning.data.forget_set import GROUPS
from unlearning.reporting.captions import render_caption
from unlearning.reporting.plotting import colors, line_over_seeds, markers, reference_bands
from unlearning.reporting.results import Results, label_with_unit

MODELS = "completing"
NEEDS = {
    "evaluation.metrics": {
        "contains": {
            "enum": ["completion_fid", "embedding_cosine", "recognised", "hole_error", "distance_to_retrained"]
        }
    }
}
SWEPT = ("forget_weight",)
METRICS = ("completion_fid", "embedding_cosine", "recognised", "hole_rmse", "distance_to_retrained")
HELDOUT_GROUPS = ("heldout_retain", "heldout_forget")


def draw(results: Results) -> tuple[plt.Figure, str]:
    """Draw a row per group of held-out images and a column per metric, with a line per sweep.

    Args:
        results: Results of the experiment.

    Returns:
        The figure and its caption.
    """
    by_sweep = weights_by_sweep(results.experiment)
    weights = sorted({weight for rows in by_sweep.values() for weight in rows.values()})
    descriptions = results.descriptions_by_group
    metrics = [metric for metric in METRICS if metric in descriptions]
    size = (2.3 * len(metrics) + 0.5, 4.2)
    figure, axes = plt.subplots(2, len(metrics), figsize=size, sharex=True, sharey="col", squeeze=False)
    for row, group in enumerate(HELDOUT_GROUPS):
        for axis, metric in zip(axes[row], metrics, strict=True):
            _draw_panel(axis, results, f"{metric}_{group}", by_sweep)
            if row == 0:
                axis.set_title(label_with_unit(descriptions[metric]), fontsize="medium")
            _scale(axis, weights)
        axes[row, 0].set_ylabel(GROUPS[group])
    figure.supxlabel("weight α of the forget term")
    handles = [axis.get_legend_handles_labels() for axis in axes.flat]
    legend = {label: handle for of_axis in handles for handle, label in zip(*of_axis, strict=True)}
    figure.legend(legend.values(), legend, loc="outside upper center", ncols=min(4, len(legend)), frameon=False)
    return figure, render_caption("forget_weight", results, sweeps=by_sweep)


def weights_by_sweep(experiment: dict) -> dict[str, dict[str, float]]:
    """Find the sweeps over the weight.

    Args:
        experiment: Configuration of the experiment.

    Returns:
        The weight of each row, from the lowest on, by the name of the first row of its sweep.
    """
    by_sweep = {}
    for rows in rows_alike_but_for(experiment, SWEPT):
        weights = {row: values["forget_weight"] for row, values in rows.items()}
        by_sweep[next(iter(rows))] = dict(sorted(weights.items(), key=lambda item: item[1]))
    return by_sweep


def _draw_panel(axis: plt.Axes, results: Results, metric: str, by_sweep: dict[str, dict[str, float]]) -> None:
    reference_bands(axis, results, metric)
    for first, weights in by_sweep.items():
        line_over_seeds(
            axis,
            list(weights.values()),
            [results.values(metric, row) for row in weights],
            color=colors(results.methods)[first],
            marker=markers(results.methods)[first],
            label=first,
        )


def _scale(axis: plt.Axes, weights: list[float]) -> None:
    """Make the x-axis logarithmic, with a linear part for a weight of zero, and label the weights."""
    if 0 in weights:
        axis.set_xscale("symlog", linthresh=min(weight for weight in weights if weight))
    else:
        axis.set_xscale("log")
    axis.set_xticks(weights, [f"{weight:g}" for weight in weights])
    axis.minorticks_off()

"""Each metric on images to retain against the same metric on images to forget."""

import matplotlib.pyplot as plt

from unlearning.reporting.captions import render_caption
from unlearning.reporting.plotting import REFERENCE_COLORS, colors, grid, markers, mean_and_range, use_logarithmic_axes
from unlearning.reporting.results import Results, label_with_unit

MODELS = "completing"
WIDE_RANGE = 20  # ratio of the largest to the smallest value from which axes are logarithmic


def draw(results: Results) -> tuple[plt.Figure, str]:
    """Draw a panel per metric, with a point per model and bands for the retrained models.

    Args:
        results: Results of the experiment.

    Returns:
        The figure and its caption.
    """
    metrics = {
        metric: description
        for metric, description in results.descriptions_by_group.items()
        if len(results.values(f"{metric}_heldout_retain"))
    }
    figure, axes = grid(len(metrics), 3, (2.2, 2), (2.2, 0))
    figure.set_figheight(max(figure.get_figheight(), 4.6))
    handles = {}
    for axis, (metric, description) in zip(axes, metrics.items(), strict=True):
        handles |= _draw_panel(axis, results, f"{metric}_heldout_retain", f"{metric}_heldout_forget")
        axis.set_title(label_with_unit(description), fontsize="medium")
    figure.supxlabel("held-out images to retain")
    figure.supylabel("held-out images to forget")
    figure.legend(handles.values(), handles, loc="outside right center", frameon=False)
    return figure, render_caption("retain_versus_forget", results)


def _draw_panel(axis: plt.Axes, results: Results, retain: str, forget: str) -> dict:
    """Draw the points of one metric.

    Args:
        axis: Where to draw.
        results: Results of the experiment.
        retain: The metric on images to retain.
        forget: The metric on images to forget.

    Returns:
        What stands for each model that has a point.
    """
    of_both = [results.values(metric)["value"] for metric in (retain, forget)]
    if any(0 < WIDE_RANGE * values.min() < values.max() for values in of_both):
        use_logarithmic_axes(axis, (1, 3))  # more labels would overlap in a small panel
    styles = {method: (marker, 4.5) for method, marker in markers(results.methods).items()}
    styles |= {"original": ("X", 7), "retrain": ("*", 10)}
    handles = {}
    for row in results.rows:
        x, y = (results.values(metric, row)["value"] for metric in (retain, forget))
        if x.empty or y.empty:
            continue
        (x, xerr), (y, yerr) = mean_and_range(x), mean_and_range(y)
        marker, size = styles[row]
        color = colors(results.methods)[row]
        handles[row] = axis.errorbar(x, y, xerr=xerr, yerr=yerr, fmt=marker, ms=size, color=color, elinewidth=0.6)
        if row == "retrain":
            band = {"color": REFERENCE_COLORS[row], "alpha": 0.12, "lw": 0}
            axis.axvspan(x - xerr[0][0], x + xerr[1][0], **band)
            axis.axhspan(y - yerr[0][0], y + yerr[1][0], **band)
    return handles

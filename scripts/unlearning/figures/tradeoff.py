"""Image quality against time to unlearn: the trade-off at a glance."""

import itertools

import matplotlib.pyplot as plt

from unlearning.config.experiment import REFERENCES
from unlearning.reporting.captions import render_caption
from unlearning.reporting.plotting import (
    colors,
    markers,
    mean_and_range,
    median_and_range,
    reference_bands,
    use_logarithmic_axes,
)
from unlearning.reporting.results import Results

MODELS = "generating"
NEEDS = {"evaluation.threshold": {}}


def draw(results: Results) -> tuple[plt.Figure, str]:
    """Draw a point per method with the range over seeds, and below the same at the height of the references.

    Args:
        results: Results of the experiment.

    Returns:
        The figure and its caption.
    """
    entries = len(results.methods) + 2
    figure, axes = plt.subplots(2, sharex=True, figsize=(6.2, max(5.6, 0.23 * entries)))  # the legend needs the height
    for axis, method in itertools.product(axes, results.methods):
        _draw_point(axis, results, method)
    for axis in axes:
        reference_bands(axis, results, "fid_retain")
        axis.margins(x=0.12)
        use_logarithmic_axes(axis)
    of_references, of_all = results.values("fid_retain", *REFERENCES)["value"], results.values("fid_retain")["value"]
    limits = (0.9 * of_all.min(), 1.1 * of_references.max()) if len(of_references) else None
    axes[1].set(yscale="linear", ylim=limits)
    axes[1].set_xlabel("time to unlearn for good (s of steps)")
    figure.supylabel(f"FID to retain data ({results.features} features)", fontsize="medium")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", frameon=False)
    threshold = f"{100 * results.experiment['evaluation']['threshold']:g}"
    return figure, render_caption("tradeoff", results, threshold=threshold)


def _draw_point(axis: plt.Axes, results: Results, method: str) -> None:
    """Draw a method: hollow if a seed did not unlearn, and with an arrow if the median time is only a bound."""
    times = results.values("sustained_crossing_seconds", method)
    distances = results.values("fid_retain", method)["value"]
    if times.empty or distances.empty:
        return
    (x, xerr, reached_by_half), (y, yerr) = median_and_range(times), mean_and_range(distances)
    censored = times["censored"].to_numpy(bool)
    color = colors(results.methods)[method]
    axis.errorbar(
        x,
        y,
        xerr=xerr,
        yerr=yerr,
        fmt=markers(results.methods)[method],
        color=color,
        mfc="white" if censored.any() else color,
        ms=6,
        lw=0.8,
        label=method + (f" ({(~censored).sum()}/{len(censored)})" if censored.any() else ""),
    )
    if not reached_by_half:
        axis.annotate("", (x * 1.7, y), (x, y), arrowprops={"arrowstyle": "->", "color": color})

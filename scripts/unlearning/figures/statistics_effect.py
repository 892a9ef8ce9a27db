"""Effect of the running statistics alone: each row's weights with statistics from three sources."""

import matplotlib.pyplot as plt
import numpy as np

from unlearning.reporting.captions import render_caption
from unlearning.reporting.results import Results
from unlearning.reporting.statistics_table import QUANTITIES, SOURCES, metric_of

MODELS = "generating"
NEEDS = {"evaluation.metrics": {"contains": {"enum": ["statistics_effect"]}}}
MARKERS = "osD"  # of the sources


def draw(results: Results) -> tuple[plt.Figure, str]:
    """Draw a panel per quantity, with a row per model and a marker per source, at the mean over seeds.

    Args:
        results: Results of the experiment.

    Returns:
        The figure and its caption.
    """
    figure, axes = plt.subplots(1, 2, figsize=(6.6, 0.19 * len(results.rows) + 1.2), sharey=True)
    places = -np.arange(len(results.rows))
    for axis, (quantity, axis_label) in zip(axes, QUANTITIES.items(), strict=True):
        names = [metric_of(source, quantity) for source in SOURCES]
        means = np.array([[results.values(name, row)["value"].mean() for row in results.rows] for name in names])
        low, high = _limits(means)
        shown = np.clip(means, low, high)
        axis.hlines(places, shown.min(0), shown.max(0), color="0.7", lw=1)
        for number, (label, marker) in enumerate(zip(SOURCES.values(), MARKERS, strict=True)):
            inside, color = means[number] <= high, f"C{number}"
            axis.plot(means[number, inside], places[inside], marker, ms=4, color=color, label=label)
            outside = means[number] > high
            axis.plot(shown[number, outside], places[outside], ">", ms=4, mfc="white", color=color)
        axis.set_xlabel(axis_label)
        axis.grid(axis="y", lw=0.3)
    axes[0].set_yticks(places, results.rows)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    return figure, render_caption("statistics_effect", results)


def _limits(means: np.ndarray) -> tuple[float, float]:
    """The lowest mean, and an upper limit that leaves rows that were ruined outside.

    Args:
        means: (S, R) of S sources and R rows; NaN where there is none.

    Returns:
        Lower and upper limit.
    """
    finite = means[np.isfinite(means)]
    if not len(finite):
        return 0.0, 1.0
    low, middle = finite.min(), np.median(finite)
    return low, low + 4 * (middle - low) if middle > low else finite.max()

"""Every metric on the scale from the original (0) to the retrained model (1)."""

from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from unlearning.reporting.captions import render_caption
from unlearning.reporting.plotting import colors, grid, markers
from unlearning.reporting.results import Results
from unlearning.reporting.scale import mean_on_scale

NEEDS_RETRAINED = True
LIMITS = (-1.0, 3.0)


def draw(results: Results) -> tuple[plt.Figure, str]:
    """Draw a panel per metric, with a row per method and a band for the retrained models.

    Args:
        results: Results of the experiment.

    Returns:
        The figure and its caption.
    """
    declared = {metric: entry for metric, entry in results.descriptions.items() if entry.get("normalised")}
    descriptions = {
        metric: entry
        for metric, entry in declared.items()
        if results.values(metric, "retrain")["normalised"].notna().any()
    }
    panel = (2.1, 0.17 * len(results.methods) + 0.5)
    columns = min(4, max(1, len(descriptions)))
    figure, axes = grid(len(descriptions), columns, panel, (1, 0.5), sharex=True, sharey=True)
    positions = {method: -row for row, method in enumerate(results.methods)}
    for axis, (metric, description) in zip(axes, descriptions.items(), strict=True):
        runs = results.values(metric)
        retrained = runs.loc[runs["method"] == "retrain", "normalised"]
        axis.axvspan(retrained.min(), retrained.max(), color="0.8", lw=0)
        axis.axvline(0, color="0.6", lw=0.8, ls=":")
        axis.axvline(1, color="black", lw=0.8)
        for method in results.methods:
            style = {"color": colors(results.methods)[method], "marker": markers(results.methods)[method]}
            _draw_row(axis, positions[method], runs, method, **style)
        axis.set_title(fill(description["label"], 24), fontsize="medium")
        axis.set_xlim(LIMITS[0] - 0.15, LIMITS[1] + 0.15)
        axis.set_xticks([-1, 0, 1, 2, 3])
        axis.set_yticks(list(positions.values()), list(positions))
    figure.supxlabel("0 = original, 1 = retrained")
    return figure, render_caption(
        "normalised",
        results,
        metrics=len(results.descriptions),
        declared=len(declared),
        alike=[entry["label"] for metric, entry in declared.items() if metric not in descriptions],
    )


def _draw_row(axis: plt.Axes, position: int, runs: pd.DataFrame, method: str, color: str, marker: str) -> None:
    """Draw single seeds as ticks, and their mean with its interval, or as a hollow arrow if it is outside the panel."""
    values = runs.loc[runs["method"] == method, "normalised"]
    axis.plot(np.clip(values, *LIMITS), [position] * len(values), "|", color=color, ms=6)
    mean, low, high = mean_on_scale(runs, method)
    axis.plot(np.clip([low, high], *LIMITS), [position] * 2, color=color, lw=0.9)
    fill = color
    if not LIMITS[0] <= mean <= LIMITS[1]:
        marker, fill = ">" if mean > 0 else "<", "white"
    axis.plot(np.clip(mean, *LIMITS), position, marker, color=color, ms=5, mfc=fill)

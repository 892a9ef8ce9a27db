"""The angle between the retain gradient and the forget gradient in the course of unlearning."""

import matplotlib.pyplot as plt
import pandas as pd

from unlearning.reporting.captions import render_caption
from unlearning.reporting.plotting import colors, panels
from unlearning.reporting.results import Results

WINDOW = 3


def draw(results: Results) -> tuple[plt.Figure, str]:
    """Draw a panel per method: the cosine before each step (solid) and after it (dotted), smoothed, over seeds.

    Args:
        results: Results of the experiment.

    Returns:
        The figure and its caption.
    """
    figure, axes = panels(results.methods)
    steps = results.trajectory("steps.csv", "cosine", "cosine_after").dropna(subset="cosine")
    for method, axis in axes.items():
        runs, color = steps[steps["method"] == method], colors(results.methods)[method]
        before = _smoothed(runs, "cosine")
        axis.plot(before.index, before["mean"], color=color, ls="-", lw=1)
        axis.fill_between(before.index, before["min"], before["max"], color=color, alpha=0.25, lw=0)
        after = _smoothed(runs, "cosine_after")
        axis.plot(after.index, after["mean"], color="black", ls=":", lw=1)
        axis.axhline(0, color="0.5", lw=0.6)
    figure.supxlabel("step")
    figure.supylabel("cos(g_r, g_f)")
    return figure, render_caption("gradient_cosine", results, window=WINDOW)


def _smoothed(runs: pd.DataFrame, column: str) -> pd.DataFrame:
    """Running means over steps of the `mean`, `min` and `max` over seeds."""
    over_seeds = runs.groupby("step")[column].agg(["mean", "min", "max"])
    return over_seeds.rolling(WINDOW, center=True, min_periods=1).mean()

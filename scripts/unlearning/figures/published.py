"""Published numbers against ours: expected and measured."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import NullFormatter

from unlearning.reporting.captions import render_caption
from unlearning.reporting.plotting import colors, grid, markers
from unlearning.reporting.results import Results

NEEDS = {"published": {}}


def draw(results: Results) -> tuple[plt.Figure, str]:
    """Draw a panel per quantity with what the verdicts compare. On the diagonal, the two are equal.

    Args:
        results: Results of the experiment.

    Returns:
        The figure and its caption.
    """
    verdicts = results.verdicts()
    compared = verdicts[np.isfinite(verdicts["our_value"])]
    quantities = list(dict.fromkeys((compared if len(compared) else verdicts)["Quantity"]))
    figure, axes = grid(len(quantities), 3, (2.4, 2.5), (1.4, 0))
    handles = {}
    for axis, quantity in zip(axes, quantities, strict=True):
        cells = verdicts[verdicts["Quantity"] == quantity]
        reference = cells["reference"].iloc[0]
        title = quantity if pd.isna(reference) else f"{quantity.partition(' (')[0]}\nin units of {reference}"
        axis.set_title(title, fontsize="medium")
        cells = cells[np.isfinite(cells["our_value"])]
        if len(cells):  # else no quantity was published and measured
            handles |= _draw_points(axis, results, cells)
            _draw_diagonal(axis, cells, is_share="fraction" in quantity)
    figure.supxlabel("published")
    figure.supylabel("ours")
    handles = {row: handles[row] for row in results.methods if row in handles}
    figure.legend(handles.values(), handles, loc="outside right center", frameon=False)
    return figure, render_caption("published", results)


def _draw_points(axis: plt.Axes, results: Results, cells: pd.DataFrame) -> dict:
    """Draw the rows that the released code ran filled, and the rows as described hollow, where the two differ.

    Args:
        axis: Where to draw.
        results: Results of the experiment.
        cells: Verdicts with numbers.

    Returns:
        What stands for each of our rows.
    """
    handles = {}
    for _, cell in cells.iterrows():
        points = [(cell["row"], cell["our_value"], cell["published_error"], cell["our_error"], "full")]
        if np.isfinite(cell["described_value"]):
            points.append((cell["Method"], cell["described_value"], 0, 0, "none"))
        for row, ours, published_error, our_error, fill in points:
            style = {"fmt": markers(results.methods).get(row, "*"), "color": colors(results.methods)[row]}
            style |= {"fillstyle": fill, "ms": 5, "lw": 0.8, "clip_on": False}
            handles[row] = axis.errorbar(cell["published_value"], ours, xerr=published_error, yerr=our_error, **style)
    return handles


def _draw_diagonal(axis: plt.Axes, cells: pd.DataFrame, is_share: bool) -> None:
    """Draw the diagonal, over equal limits of both axes: linear from 0 for a share, logarithmic otherwise."""
    highest = cells["our_value"] + cells["our_error"]
    values = np.append(cells[["published_value", "our_value", "described_value"]], highest)
    values = values[np.isfinite(values) & ((values > 0) | is_share)]
    if is_share:
        limits = (0, max(values.max(), 0.01) * 1.05)
    else:
        limits = (values.min() / 1.5, values.max() * 1.5)
        axis.set(xscale="log", yscale="log")
        for scaled in (axis.xaxis, axis.yaxis):
            scaled.set_minor_formatter(NullFormatter())
    axis.plot(limits, limits, color="0.6", lw=0.8)
    axis.set(xlim=limits, ylim=limits)

"""Published numbers against ours: expected and measured."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullFormatter

from unlearning.plotting import colors, markers
from unlearning.results import Results

NEEDS = {"published": {}}


def draw(results: Results) -> tuple[plt.Figure, str]:
    """A panel per quantity: filled by the published protocol, hollow by the rigorous one; the diagonal is agreement."""
    table = results.verdicts()
    quantities = list(dict.fromkeys(table["Quantity"]))
    columns = 3
    rows = -(-len(quantities) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2.4 * columns + 1.4, 2.4 * rows), squeeze=False)
    shown = {}
    for axis, quantity in zip(axes.flat, quantities, strict=False):
        cells = table[table["Quantity"] == quantity]
        share = "fraction" in quantity
        for _, cell in cells.iterrows():
            method, expected = cell["Method"], cell["published_value"]
            color = colors(results.methods).get(method)
            if color is None or np.isnan(cell["as_published_value"]):
                continue
            marker = markers(results.methods).get(method, "*")
            (shown[method],) = axis.plot(
                expected, cell["as_published_value"], marker, color=color, ms=5, ls="", clip_on=False
            )
            axis.plot(expected, cell["rigorous_value"], marker, color=color, mfc="none", ms=6, ls="", clip_on=False)
        values = cells[["published_value", "as_published_value", "rigorous_value"]].to_numpy().ravel()
        values = values[np.isfinite(values) & ((values > 0) | share)]
        axis.set_title(quantity, fontsize="medium")
        if not len(values):  # neither published nor measured
            continue
        limits = (0, max(values.max(), 0.01) * 1.05) if share else (values.min() / 1.5, values.max() * 1.5)
        if not share:
            axis.set(xscale="log", yscale="log")
            for scaled in (axis.xaxis, axis.yaxis):
                scaled.set_minor_formatter(NullFormatter())
        axis.plot(limits, limits, color="0.6", lw=0.8)
        axis.set(xlim=limits, ylim=limits)
    for axis in axes.flat[len(quantities) :]:
        axis.set_axis_off()
    figure.supxlabel("published")
    figure.supylabel("ours")
    figure.legend(shown.values(), shown, loc="outside right center", frameon=False)
    caption = (
        "Published means against ours, by the published protocol (filled) and the rigorous one (hollow; where some "
        "runs never unlearned, their last step counts as in the paper, so that the point is a lower bound). On the "
        "grey line the two agree. Seconds are of different hardware, distances on the features of different "
        f"classifiers. {results.conditions()}"
    )
    return figure, caption

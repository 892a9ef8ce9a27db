"""Published numbers against ours: expected and measured."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullFormatter

from unlearning.reporting.plotting import colors, markers
from unlearning.reporting.published import QUANTITIES
from unlearning.reporting.results import Results

NEEDS = {"published": {}}


def draw(results: Results) -> tuple[plt.Figure, str]:
    """A panel per quantity, by the published protocol, as the verdicts compare it; the diagonal is agreement."""
    table = results.verdicts()
    quantities = list(dict.fromkeys(table["Quantity"]))
    units = {quantity.label: quantity.reference for quantity in QUANTITIES.values()}
    columns = 3
    rows = -(-len(quantities) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2.4 * columns + 1.4, 2.5 * rows), squeeze=False)
    shown = {}
    for axis, quantity in zip(axes.flat, quantities, strict=False):
        cells = table[(table["Quantity"] == quantity) & np.isfinite(table["our_value"])]
        unit = units[quantity]
        title = f"{quantity.partition(' (')[0]}\nin units of {unit}" if unit else quantity
        axis.set_title(title, fontsize="medium")
        if cells.empty:  # neither published nor measured
            continue
        share = "fraction" in quantity
        for _, cell in cells.iterrows():
            points = [(cell["row"], cell["our_value"], cell["our_error"], True)]
            if np.isfinite(cell["described_value"]):
                points.append((cell["Method"], cell["described_value"], 0, False))
            for row, ours, error, filled in points:
                color = colors(results.methods)[row]
                shown[row] = axis.errorbar(
                    cell["published_value"],
                    ours,
                    xerr=cell["published_error"] * filled,
                    yerr=error,
                    fmt=markers(results.methods).get(row, "*"),
                    color=color,
                    mfc=color if filled else "none",
                    ms=5,
                    lw=0.8,
                    clip_on=False,
                )
        highest = cells["our_value"] + cells["our_error"]
        values = np.append(cells[["published_value", "our_value", "described_value"]], highest)
        values = values[np.isfinite(values) & ((values > 0) | share)]
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
    shown = {row: shown[row] for row in results.methods if row in shown}
    figure.legend(shown.values(), shown, loc="outside right center", frameon=False)
    caption = (
        "Published means against ours by the published protocol, as the verdicts compare them: where hardware or "
        "features differ, in units of the named row; bars: two standard errors. On the grey line the two agree. "
        "Filled: what the released code ran, under whatever name; hollow: the method of that name as described, where "
        f"it ran another. Runs that never unlearned count with their last step, as in the paper. {results.conditions()}"
    )
    return figure, caption

"""Every metric on the scale from the original (0) to the retrained model (1)."""

import matplotlib.pyplot as plt
import numpy as np

from unlearning.reporting.plotting import colors, markers
from unlearning.reporting.results import Results

LIMITS = (-1.0, 3.0)


def draw(results: Results) -> tuple[plt.Figure, str]:
    """A panel per metric, a row per method: seeds and mean; the band is the retrained models' range."""
    described = {
        name: description
        for name, description in results.described.items()
        if results.values(name, "retrain")["normalised"].notna().any() and name not in ("total_seconds", "peak_memory")
    }
    columns = min(4, max(1, len(described)))
    rows = max(1, -(-len(described) // columns))
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(2.1 * columns + 1, (0.17 * len(results.methods) + 0.5) * rows + 0.5),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    positions = {method: -row for row, method in enumerate(results.methods)}
    for axis, (metric, description) in zip(axes.flat, described.items(), strict=False):
        floor = results.values(metric, "retrain")["normalised"]
        axis.axvspan(floor.min(), floor.max(), color="0.8", lw=0)
        axis.axvline(0, color="0.6", lw=0.8, ls=":")
        axis.axvline(1, color="black", lw=0.8)
        values = results.values(metric, *results.methods)
        for method, runs in values.groupby("method"):
            shown = np.clip(runs["normalised"], *LIMITS)
            color = colors(results.methods)[method]
            axis.plot(shown, [positions[method]] * len(shown), "|", color=color, ms=6)
            mean = runs["normalised"].mean()
            outside = not LIMITS[0] <= mean <= LIMITS[1]
            marker = (">" if mean > 0 else "<") if outside else markers(results.methods)[method]
            axis.plot(
                np.clip(mean, *LIMITS), positions[method], marker, color=color, ms=5, mfc="white" if outside else color
            )
        axis.set_title(description["label"].replace(" (", "\n("), fontsize="medium")
        axis.set_xlim(LIMITS[0] - 0.15, LIMITS[1] + 0.15)
        axis.set_xticks([-1, 0, 1, 2, 3])
        axis.set_yticks(list(positions.values()), list(positions))
    for axis in axes.flat[len(described) :]:
        axis.set_axis_off()
    figure.supxlabel("0 = original, 1 = retrained")
    caption = (
        "Every metric on the scale where 0 is the mean original and 1 the mean retrained model; ticks: single seeds, "
        "marker: their mean, hollow arrow: a mean outside the panel, grey band: range of the retrained models, below "
        "which no difference counts. Metrics whose two references differ by less than their spread are left out. "
        f"{results.conditions()}"
    )
    return figure, caption

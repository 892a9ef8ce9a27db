"""Each metric on images to retain against the same on images to forget."""

import matplotlib.pyplot as plt

from unlearning.reporting.plotting import REFERENCE_COLORS, colors, logarithmic, markers, mean_and_range
from unlearning.reporting.results import Results, with_unit

MODELS = "completing"
COLUMNS = 3
WIDE = 20  # times as large as the smallest value: then on logarithmic axes


def draw(results: Results) -> tuple[plt.Figure, str]:
    """A panel per metric, a point per model with its range over seeds; bands: the retrained models."""
    metrics = {name: label for name, label in results.by_group.items() if len(results.values(f"{name}_heldout_retain"))}
    rows = max(1, -(-len(metrics) // COLUMNS))
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(2.2 * COLUMNS + 2.2, max(2 * rows, 4.6)), squeeze=False)
    looks = {method: (marker, 4.5) for method, marker in markers(results.methods).items()}
    looks |= {"original": ("X", 7), "retrain": ("*", 10)}
    shown = {}
    for axis, (metric, label) in zip(axes.flat, metrics.items(), strict=False):
        sides = [f"{metric}_heldout_{side}" for side in ("retain", "forget")]
        if any(0 < WIDE * values.min() < values.max() for values in (results.values(name)["value"] for name in sides)):
            logarithmic(axis, (1, 3))  # in a small panel, more would overlap
        for method in results.rows:
            x, y = (results.values(name, method)["value"] for name in sides)
            if x.empty or y.empty:
                continue
            (x, xerr), (y, yerr) = mean_and_range(x), mean_and_range(y)
            marker, size = looks[method]
            color = colors(results.methods)[method]
            shown[method] = axis.errorbar(x, y, xerr=xerr, yerr=yerr, fmt=marker, ms=size, color=color, elinewidth=0.6)
            if method == "retrain":
                band = {"color": REFERENCE_COLORS[method], "alpha": 0.12, "lw": 0}
                axis.axvspan(x - xerr[0][0], x + xerr[1][0], **band)
                axis.axhspan(y - yerr[0][0], y + yerr[1][0], **band)
        axis.set_title(with_unit(label, results.described[sides[0]]["unit"]), fontsize="medium")
    for axis in axes.flat[len(metrics) :]:
        axis.set_axis_off()
    figure.supxlabel("held-out images to retain")
    figure.supylabel("held-out images to forget")
    figure.legend(shown.values(), shown, loc="outside right center", frameon=False)
    caption = (
        "Metrics of completed held-out images: of those to forget against those to retain, mean and range over seeds; "
        "axes are logarithmic where values span a wide range. Cross: the original; star, and bands over its range: the "
        "retrained models. A good method lies near them, in both directions: neither a worse nor a better value on "
        f"images to forget is the goal. {results.diverged()}{results.conditions()}"
    )
    return figure, caption

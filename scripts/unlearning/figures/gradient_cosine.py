"""The angle between the retain and the forget gradient as unlearning goes on."""

import matplotlib.pyplot as plt

from unlearning.reporting.plotting import colors, panels
from unlearning.reporting.results import Results

WINDOW = 3


def draw(results: Results) -> tuple[plt.Figure, str]:
    """A panel per method: cosine before each step (solid) and after it (dotted), smoothed, over seeds."""
    figure, axes = panels(results.methods)
    steps = results.trajectory("steps.csv").dropna(subset="cosine")
    for method, axis in axes.items():
        runs = steps[steps["method"] == method]
        color = colors(results.methods)[method]
        for column, style in (("cosine", "-"), ("cosine_after", ":")):
            over_seeds = runs.groupby("step")[column].agg(["mean", "min", "max"])
            smooth = over_seeds.rolling(WINDOW, center=True, min_periods=1).mean()
            axis.plot(smooth.index, smooth["mean"], color=color if style == "-" else "black", ls=style, lw=1)
            if style == "-":
                axis.fill_between(smooth.index, smooth["min"], smooth["max"], color=color, alpha=0.25, lw=0)
        axis.axhline(0, color="0.5", lw=0.6)
    figure.supxlabel("step")
    figure.supylabel("cos(g_r, g_f)")
    caption = (
        "Cosine of retain and forget gradient on the batches of each step: before the step (solid, with the range over "
        f"seeds) and after it on the same batches and noise (dotted); running means over {WINDOW} inspected steps. "
        f"{results.conditions()}"
    )
    return figure, caption

"""Forget fraction against the step of unlearning, by both protocols if there are two."""

import matplotlib.pyplot as plt

from unlearning.config.protocol import PUBLISHED_LATENTS
from unlearning.reporting.captions import render_caption
from unlearning.reporting.plotting import colors, panels
from unlearning.reporting.results import Results

NEEDS = {"evaluation.threshold": {}}


def draw(results: Results) -> tuple[plt.Figure, str]:
    """Draw a panel per method: each seed thin, their mean thick; the threshold and the retrained models.

    Args:
        results: Results of the experiment.

    Returns:
        The figure and its caption.
    """
    unlearning, threshold = results.experiment["unlearning"], 100 * results.experiment["evaluation"]["threshold"]
    figure, axes = panels(results.methods)
    measurements = results.trajectory("measurements.csv", "forgotten", "samples")
    measurements["percent"] = 100 * measurements["forgotten"] / measurements["samples"]
    measurements = measurements.groupby(["method", "seed", "step"], as_index=False)["percent"].mean()  # over networks
    retrained = results.values("forget_fraction", "retrain")["value"]
    published = results.trajectory("steps.csv", "published_forgotten").dropna() if results.guide else None
    for method, axis in axes.items():
        runs = measurements[measurements["method"] == method]
        color = colors(results.methods)[method]
        for _, run in runs.groupby("seed"):
            axis.plot(run["step"], run["percent"], color=color, lw=0.6, alpha=0.7)
        if published is not None:
            counts = published[published["method"] == method].groupby("step")["published_forgotten"].mean()
            axis.plot(counts.index, 100 / PUBLISHED_LATENTS * counts, color="0.45", lw=0.7, ls=":")
        mean = runs.groupby("step")["percent"].mean()
        axis.plot(mean.index, mean, color=color, lw=1.8)
        axis.axhline(threshold, color="black", lw=0.8, ls="--")
        if len(retrained):
            axis.axhspan(retrained.min(), retrained.max(), color="0.75", lw=0)
        axis.set_xscale("symlog", linthresh=10)
        axis.set_xlim(0, unlearning["steps"])
        axis.set_ylim(bottom=0)
    figure.supxlabel("step")
    figure.supylabel("forget fraction (%)")
    caption = render_caption(
        "forget_fraction",
        results,
        samples=unlearning["samples"],
        threshold=f"{threshold:g}",
        published=published is not None,
        latents=PUBLISHED_LATENTS,
    )
    return figure, caption

"""Forget fraction against the step of unlearning, by both protocols where there are two."""

import matplotlib.pyplot as plt

from unlearning.config.protocol import PUBLISHED_LATENTS
from unlearning.reporting.plotting import colors, panels
from unlearning.reporting.results import Results

NEEDS = {"evaluation.threshold": {}}


def draw(results: Results) -> tuple[plt.Figure, str]:
    """A panel per method: each seed thin, their mean thick; the threshold and the retrained models."""
    unlearning, evaluation = results.experiment["unlearning"], results.experiment["evaluation"]
    figure, axes = panels(results.methods)
    measured = results.trajectory("measurements.csv")
    measured["percent"] = 100 * measured["forgotten"] / measured["samples"]
    retrain = results.values("forget_fraction", "retrain")["value"]
    published = results.trajectory("steps.csv").dropna(subset="published_forgotten") if results.guide else None
    for method, axis in axes.items():
        runs = measured[measured["method"] == method]
        color = colors(results.methods)[method]
        for _, run in runs.groupby("seed"):
            axis.plot(run["step"], run["percent"], color=color, lw=0.6, alpha=0.7)
        if published is not None:
            shown = published[published["method"] == method].groupby("step")["published_forgotten"].mean()
            axis.plot(shown.index, 100 / PUBLISHED_LATENTS * shown, color="0.45", lw=0.7, ls=":")
        mean = runs.groupby("step")["percent"].mean()
        axis.plot(mean.index, mean, color=color, lw=1.8)
        axis.axhline(100 * evaluation["threshold"], color="black", lw=0.8, ls="--")
        if len(retrain):
            axis.axhspan(retrain.min(), retrain.max(), color="0.75", lw=0)
        axis.set_xscale("symlog", linthresh=10)
        axis.set_xlim(0, unlearning["steps"])
        axis.set_ylim(bottom=0)
    figure.supxlabel("step")
    figure.supylabel("forget fraction (%)")
    dotted = f"Dotted: mean by the as-published protocol, {PUBLISHED_LATENTS} latents in train mode. "
    dotted = dotted if results.guide else ""
    caption = (
        f"Share of {unlearning['samples']} fresh samples that the judge takes for a forgotten class, against the "
        "step (linear up to 10, logarithmic from there). Thin lines: single seeds; thick line: their mean; dashed: "
        f"the threshold of {100 * evaluation['threshold']:g} %; grey band: range of the retrained models. "
        f"{dotted}{results.conditions()}"
    )
    return figure, caption

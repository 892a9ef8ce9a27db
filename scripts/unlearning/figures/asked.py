"""Share of the forgotten class against the step of unlearning, under each way of asking a model with labels."""

import matplotlib.pyplot as plt
import pandas as pd

from unlearning.io.files import read_json
from unlearning.reporting.captions import render_caption
from unlearning.reporting.plotting import PALETTE, panels
from unlearning.reporting.results import Results

MODEL_HAS = ["label_embeddings"]
# Columns of measurements.csv, with their names in the legend and the metric that a retrained model has a value of.
WAYS = {
    "forgotten_label": ("its own label", "forgotten_under_own_label"),
    "null_label": ("null label", "forgotten_under_null_label"),
    "retained_labels": ("labels to retain", "forgotten_under_retained_labels"),
}
LINEAR = {"step": 10, "seconds": 1}  # up to where the horizontal axis is linear
LINEAR_SHARE = 10  # the same of the vertical axis, in per cent
TICKS = (0, 5, 10, 100)


def draw(results: Results) -> tuple[plt.Figure, str]:
    """Draw a panel per method against the step, with a line per way of asking.

    Args:
        results: Results of the experiment.

    Returns:
        The figure and its caption.
    """
    return draw_against(results, "step")


def draw_against(results: Results, horizontal: str) -> tuple[plt.Figure, str]:
    """Draw a panel per method, with a line per way of asking: each seed thin, their mean thick.

    Args:
        results: Results of the experiment.
        horizontal: 'step', or 'seconds' of preparation and steps.

    Returns:
        The figure and its caption.
    """
    shares = shares_of_ways(results)
    figure, axes = panels(results.methods)
    for method, axis in axes.items():
        runs = shares[shares["method"] == method]
        if runs.empty:
            axis.text(0.5, 0.5, results.why_empty(method) or "not measured", ha="center", transform=axis.transAxes)
        for color, (way, (_, metric)) in zip(PALETTE, WAYS.items(), strict=False):
            _draw_way(axis, runs, horizontal, way, color)
            retrained = results.values(metric, "retrain")["value"]
            if len(retrained):
                axis.axhline(retrained.mean(), color=color, lw=0.8, ls=":")
        axis.set_xscale("symlog", linthresh=LINEAR[horizontal])
        axis.set_xlim(left=0)
        axis.set_yscale("symlog", linthresh=LINEAR_SHARE)  # a label's own class starts near 100 %, and 1 % matters
        axis.set_ylim(0, 100)
        axis.set_yticks(TICKS, map(str, TICKS))
    handles = [plt.Line2D([], [], color=color, lw=1.8) for color, _ in zip(PALETTE, WAYS, strict=False)]
    names = [name for name, _ in WAYS.values()]
    figure.legend(handles, names, title="asked for", loc="outside upper center", ncols=len(names), frameon=False)
    figure.supxlabel(horizontal)
    figure.supylabel("forgotten class (%)")
    caption = render_caption(
        "asked",
        results,
        horizontal=horizontal,
        linear=LINEAR[horizontal],
        linear_share=LINEAR_SHARE,
        samples=int(shares["samples_each_way"].max()) if len(shares) else 0,
    )
    return figure, caption


def shares_of_ways(results: Results) -> pd.DataFrame:
    """The share of the forgotten class in per cent under each way of asking, the mean over the judge's networks.

    Args:
        results: Results of the experiment.

    Returns:
        `method`, `seed`, `step`, `seconds` since the start of the run with its preparation, `samples_each_way`, and a
        column for each of `WAYS`. No row of runs in which nothing was measured.
    """
    measured = results.trajectory("measurements.csv", *WAYS, "samples_each_way")
    counts = measured.astype(dict.fromkeys((*WAYS, "samples_each_way"), float))
    for way in WAYS:
        counts[way] *= 100 / counts["samples_each_way"]
    shares = counts.groupby(["method", "seed", "step"], as_index=False, sort=False).mean()
    steps = results.trajectory("steps.csv", "seconds")
    steps["seconds"] = steps.groupby(["method", "seed"])["seconds"].cumsum()
    shares = shares.merge(steps, how="left", on=["method", "seed", "step"])
    shares["seconds"] = shares["seconds"].fillna(0)  # before the first step
    for (method, seed), run in shares.groupby(["method", "seed"]):
        prepared = read_json(results.run(method, seed) / "record.json")["preparation_seconds"]
        shares.loc[run.index, "seconds"] += prepared
    return shares


def _draw_way(axis: plt.Axes, runs: pd.DataFrame, horizontal: str, way: str, color: str) -> None:
    """Draw the lines of one way of asking: a thin one of each seed, and a thick one of their means at each step."""
    for _, run in runs.groupby("seed"):
        axis.plot(run[horizontal], run[way], color=color, lw=0.5, alpha=0.6)
    mean = runs.groupby("step", as_index=False)[["seconds", way]].mean()
    axis.plot(mean[horizontal], mean[way], color=color, lw=1.8)

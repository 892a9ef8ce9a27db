"""The three panels of the UNO paper's summary, the paper's values above ours: time to unlearn, forget fraction, FID."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import NullFormatter, StrMethodFormatter

from unlearning.config.protocol import PUBLISHED_LATENTS
from unlearning.plugins.describe import method_heading, plugin_names
from unlearning.reporting.captions import render_caption
from unlearning.reporting.plotting import colors, markers
from unlearning.reporting.results import Results
from unlearning.reporting.rows import rows

TABLE = "uno"
NEEDS = {"published": {"properties": {"table": {"enum": ["uno"]}}}, "evaluation.threshold": {}}
OF_METHODS = {"published_seconds": "time to unlearn (s)", "published_fid": "FID"}  # a place on the y-axis per method
APART = 0.16  # from the middle of this place
FIFTH = 5  # the step of the published forget fractions


def draw(results: Results) -> tuple[plt.Figure, str]:
    """Draw times and distances with a row per published method, and forget fractions against the step.

    Args:
        results: Results of the experiment.

    Returns:
        The figure and its caption.
    """
    verdicts = results.verdicts()
    verdicts = verdicts[verdicts["published_mean"].notna() & (verdicts["table"] == TABLE)]
    shown = [*OF_METHODS, "published_steps", "published_five_step_forget_fraction"]
    published = set(verdicts.loc[verdicts["metric"].isin(shown), "Method"])
    names = {row.key: row.name for row in rows(results.experiment)}
    methods = [*(key for key in names if key in published), *sorted(published.difference(names))]
    figure = plt.figure(figsize=(6.6, 0.3 * len(methods) + 4.3))
    upper, lower = figure.subplots(2, 2, sharey="row", height_ratios=[0.3 * len(methods) + 0.6, 2.9])
    for axis, (metric, label) in zip(upper, OF_METHODS.items(), strict=True):
        _draw_methods(axis, results, verdicts[verdicts["metric"] == metric], metric, methods)
        axis.set_xlabel(label)
    upper[0].set_yticks(-np.arange(len(methods)), [names.get(method) or _title(method) for method in methods])
    grid = lower[0].get_gridspec()
    for axis in lower:
        axis.remove()
    fractions = figure.add_subplot(grid[1, :])
    _draw_fractions(fractions, results, verdicts, names)
    handles = {
        label: handle
        for axis in (upper[0], fractions)
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=3, frameon=False, fontsize="small")
    return figure, render_caption("paper_summary", results, latents=PUBLISHED_LATENTS)


def _title(method: str) -> str:
    """The title of a published method that the experiment does not run, or its name if there is no such method here."""
    return method_heading(method)[0] if method in plugin_names("methods") else method


def _draw_methods(axis: plt.Axes, results: Results, cells: pd.DataFrame, metric: str, methods: list[str]) -> None:
    """Draw the published value of each method above ours, as means with the standard deviation of one run.

    Args:
        axis: Where to draw.
        results: Results of the experiment.
        cells: Verdicts on the quantity.
        metric: Our metric that measures the quantity as the paper does.
        methods: Published methods from top to bottom.
    """
    style = {"ms": 5, "lw": 1}
    for _, cell in cells.iterrows():
        place = -methods.index(cell["Method"])
        spread = np.nan_to_num(cell["published_std"])
        axis.errorbar(
            cell["published_mean"],
            place + APART,
            xerr=spread,
            fmt="D",
            color="0.35",
            mfc="white",
            label="paper",
            **style,
        )
        drawn = [(cell["row"], "full")] + [(cell["Method"], "none")] * (cell["row"] != cell["Method"])
        for row, fill in drawn:
            values = results.values(metric, row)["value"]
            values = values[np.isfinite(values)]
            if len(values) and row in (*results.methods, "original"):
                mark = {"fmt": markers(results.methods).get(row, "X"), "color": colors(results.methods)[row]}
                spread = values.std() if len(values) > 1 else 0
                axis.errorbar(values.mean(), place - APART, xerr=spread, fillstyle=fill, **mark, **style)
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_ylim(0.6 - len(methods), 0.6)
    axis.grid(axis="y", lw=0.3)


def _draw_fractions(axis: plt.Axes, results: Results, verdicts: pd.DataFrame, names: dict[str, str]) -> None:
    """Draw our forget fractions as lines, and the published steps and the published fractions after five steps.

    Args:
        axis: Where to draw.
        results: Results of the experiment.
        verdicts: Published numbers.
        names: Names of our rows.
    """
    threshold = 100 * results.experiment["evaluation"]["threshold"]
    counts = results.trajectory("steps.csv", "published_forgotten").dropna()
    means = counts.groupby(["method", "step"])["published_forgotten"].mean() * 100 / PUBLISHED_LATENTS
    for row in (row for row in names if row in set(verdicts["row"])):
        if row in means.index.get_level_values("method"):
            line = means.loc[row]
            axis.plot(line.index, line, color=colors(results.methods)[row], lw=1.1, label=f"ours: {names[row]}")
    cells = verdicts[verdicts["metric"].isin(["published_steps", "published_five_step_forget_fraction"])]
    for _, cell in cells[cells["row"].isin(results.methods)].iterrows():
        mean, spread = cell["published_mean"], np.nan_to_num(cell["published_std"])
        style = {"fmt": markers(results.methods)[cell["row"]], "color": colors(results.methods)[cell["row"]]}
        style |= {"mfc": "white", "ms": 5, "lw": 0.9, "zorder": 3}
        if cell["metric"] == "published_steps":
            axis.errorbar(mean, threshold, xerr=[[min(spread, mean - 0.5)], [spread]], **style)
        else:
            axis.errorbar(FIFTH, 100 * mean, yerr=100 * spread, **style)
    axis.axhline(threshold, color="black", lw=0.8, ls="--")
    axis.set(xscale="log", xlabel="step", ylabel="forget fraction (%)")
    axis.set_ylim(bottom=-0.5)
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))

"""Image quality against time to unlearn: the trade-off at a glance."""

import itertools

import matplotlib.pyplot as plt
import pandas as pd

from unlearning.config.experiment import REFERENCES
from unlearning.reporting.plotting import (
    colors,
    logarithmic,
    markers,
    mean_and_range,
    median_and_range,
    reference_bands,
)
from unlearning.reporting.results import Results

MODELS = "generating"
NEEDS = {"evaluation.threshold": {}}


def draw(results: Results) -> tuple[plt.Figure, str]:
    """A point per method with the range over seeds; hollow where not every seed unlearned in time."""
    entries = len(results.methods) + 2
    figure, axes = plt.subplots(2, sharex=True, figsize=(6.2, max(5.6, 0.23 * entries)))  # room for the legend
    for axis, method in itertools.product(axes, results.methods):
        times = results.values("sustained_crossing_seconds", method)
        fid = results.values("fid_retain", method)["value"]
        if times.empty or fid.empty:
            continue
        (x, xerr, known), (y, yerr) = median_and_range(times), mean_and_range(fid)
        censored = times["censored"].to_numpy(bool)
        color = colors(results.methods)[method]
        axis.errorbar(
            x,
            y,
            xerr=xerr,
            yerr=yerr,
            fmt=markers(results.methods)[method],
            color=color,
            mfc="white" if censored.any() else color,
            ms=6,
            lw=0.8,
            label=method + (f" ({(~censored).sum()}/{len(censored)})" if censored.any() else ""),
        )
        if not known:
            axis.annotate("", (x * 1.7, y), (x, y), arrowprops={"arrowstyle": "->", "color": color})
    references = {name: results.values("fid_retain", name)["value"] for name in REFERENCES}
    for axis in axes:
        reference_bands(axis, references)
        axis.margins(x=0.12)
        logarithmic(axis)
    near, fids = pd.concat(references.values()), results.values("fid_retain")["value"]
    axes[1].set(yscale="linear", ylim=(0.9 * fids.min(), 1.1 * near.max()) if len(near) else None)
    axes[1].set_xlabel("time to unlearn for good (s of steps)")
    figure.supylabel(f"FID to retain data ({results.features} features)", fontsize="medium")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", frameon=False)
    threshold = 100 * results.experiment["evaluation"]["threshold"]
    caption = (
        f"Fréchet distance of the final model's samples to the retain data, on {results.features} features (mean "
        f"and range over seeds), against the time until the forget fraction stays at or below {threshold:g} % (Kaplan–"
        "Meier median and range); lines and bands: the references, to whose heights the lower panel shows it again. "
        "Hollow: not every seed got there, in brackets how many did; arrow: fewer than half, the time is a lower "
        f"bound. Lower left is better. {results.conditions()}"
    )
    return figure, caption

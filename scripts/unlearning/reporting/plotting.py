"""One look for all figures: the same colour, marker and order for a method everywhere."""

import itertools
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from unlearning.io.files import atomic_path
from unlearning.reporting.significance import kaplan_meier_median

MARKERS = "osD^vP<>X*h"
# seaborn's colour-blind palette without its grey, which the references have, and with a yellow that shows on white.
PALETTE = ["#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#56b4e9", "#949400", "#7a3b8f"]
FITTING = 24  # letters above a small panel
REFERENCE_COLORS = {"original": "0.6", "retrain": "black"}


def use_style() -> None:
    """Seaborn's paper style, text as text, and files that are the same for the same data."""
    sns.set_theme(context="paper", style="ticks", font="DejaVu Sans")
    plt.rcParams.update(
        {
            "figure.constrained_layout.use": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "pdf.fonttype": 42,
            "svg.hashsalt": "unlearning",
        }
    )


def colors(methods: list[str]) -> dict:
    """A colour for each method in the order of the configuration, grey for the original, black for the
    retrained model. Colours come again after nine methods; with `markers` no two methods look alike."""
    return {**dict(zip(methods, itertools.cycle(PALETTE), strict=False)), **REFERENCE_COLORS}


def markers(methods: list[str]) -> dict:
    """A marker for each method, so that figures can be read in grey."""
    return {method: MARKERS[number % len(MARKERS)] for number, method in enumerate(methods)}


def panels(methods: list[str], **subplots) -> tuple[plt.Figure, dict[str, plt.Axes]]:
    """One small panel per method on common axes, in rows of at most five, titled with its name."""
    columns = min(5, len(methods))
    rows = -(-len(methods) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(1.9 * columns, 1.7 * rows), sharex=True, sharey=True, squeeze=False, **subplots
    )
    for axis in axes.flat[len(methods) :]:
        axis.set_axis_off()
    by_method = dict(zip(methods, axes.flat, strict=False))
    longest = max(map(len, methods))
    for method, axis in by_method.items():
        axis.set_title(method, fontsize=plt.rcParams["font.size"] * min(1, FITTING / longest))
        axis.tick_params(labelbottom=True)
    return figure, by_method


def mean_and_range(values: pd.Series) -> tuple[float, list[list[float]]]:
    """The mean, and how far below and above it the values reach, as `Axes.errorbar` takes it."""
    least, most = values.min(), values.max()
    mean = min(max(values.mean(), least), most)  # rounding may put the mean of equal values beside them
    return mean, [[mean - least], [most - mean]]


def median_and_range(runs: pd.DataFrame) -> tuple[float, list[list[float]], bool]:
    """The Kaplan–Meier median of times to an event, its errors as of `mean_and_range`, and whether it is no bound."""
    values = runs["value"].to_numpy()
    median, known = kaplan_meier_median(values, runs["censored"].to_numpy(bool))
    return median, [[median - values.min()], [values.max() - median]], known


def over_seeds(
    axis: plt.Axes, positions: list[float], runs: list[pd.DataFrame], *, event: bool = False, **look
) -> None:
    """A line through means with their ranges; no point where there is no value, nothing where there is none at all.

    Of times to an event through Kaplan–Meier medians, hollow where they are only bounds.
    """
    points = []
    for place, each in zip(positions, runs, strict=True):
        if len(each):
            points.append((place, *(median_and_range(each) if event else (*mean_and_range(each["value"]), True))))
    if points:
        places, middles, ranges, _ = zip(*points, strict=True)
        errors = [[each[end][0] for each in ranges] for end in (0, 1)]
        line = axis.errorbar(places, middles, yerr=errors, ms=4, lw=0.9, **look).lines[0]
        for place, middle, _, known in points:
            if not known:
                axis.plot(place, middle, line.get_marker(), ms=4, mfc="white", mec=line.get_color(), zorder=3)


def reference_bands(axis: plt.Axes, values: dict[str, pd.Series]) -> None:
    """A line at the mean of each reference that has values, and a band over their range."""
    for method, style in (("original", ":"), ("retrain", "-")):
        if len(values[method]):
            axis.axhline(values[method].mean(), color=REFERENCE_COLORS[method], ls=style, lw=1, label=method)
            axis.axhspan(values[method].min(), values[method].max(), color=REFERENCE_COLORS[method], alpha=0.15, lw=0)


def logarithmic(axis: plt.Axes, subs: tuple[int, ...] = (1, 2, 5)) -> None:
    """Both axes on logarithmic scales, with plain numbers at these multiples of powers of ten, over many at 1 alone."""
    axis.set(xscale="log", yscale="log")
    for scaled in (axis.xaxis, axis.yaxis):
        low, high = scaled.get_view_interval()
        scaled.set_major_locator(LogLocator(subs=subs if high < 200 * low else (1,)))
        scaled.set_major_formatter(StrMethodFormatter("{x:g}"))
        scaled.set_minor_formatter(NullFormatter())


def save(figure: plt.Figure, path: Path) -> None:
    """Write a figure in the format of its suffix, without the date that would make every file new."""
    date = {"pdf": "CreationDate", "svg": "Date"}[path.suffix[1:]]
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:], metadata={date: None}, dpi=200)

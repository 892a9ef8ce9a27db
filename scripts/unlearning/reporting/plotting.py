"""One look for all figures: a method has the same colour, marker and place in every figure."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib import font_manager
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from unlearning.io.files import atomic_path
from unlearning.reporting.results import Results
from unlearning.reporting.significance import kaplan_meier_median

MARKERS = "osD^vP<>X*h"
# seaborn's colour-blind palette without its grey, which is for the references, and with a yellow that shows on white.
PALETTE = ["#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#56b4e9", "#949400", "#7a3b8f"]
REFERENCE_COLORS = {"original": "0.6", "retrain": "black"}
# Fonts with the letters that DejaVu Sans lacks. Those that are installed are used where letters are missing.
FURTHER_FONTS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Source Han Sans",
    "WenQuanYi Zen Hei",
    "IPAexGothic",
    "Unifont",
)
LONGEST_LABEL = 14  # letters of the name of a class
MOST_LABELS = 14  # classes that have a label below a small panel
LONGEST_LINE = 24  # letters below a small panel
LONGEST_TITLE = 24  # letters of normal size above a small panel


def use_style() -> None:
    """Use seaborn's paper style, write text as text, and make files that are the same for the same data."""
    parameters = {
        "figure.constrained_layout.use": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "pdf.fonttype": 42,
        "svg.hashsalt": "unlearning",
    }
    installed = set(font_manager.get_font_names())
    fonts = ["DejaVu Sans", *(font for font in FURTHER_FONTS if font in installed)]
    sns.set_theme(context="paper", style="ticks", font=fonts, rc=parameters)


def labels_of_classes(names: list[str]) -> tuple[list[str], bool]:
    """Make labels of classes that can be drawn.

    Args:
        names: Names of all classes.

    Returns:
        The names, shortened if they are long, with a backslash before each `$`, which matplotlib reads as mathematics
        otherwise; or the numbers of the classes, if a name has a letter that no font has. And whether the labels are
        numbers.
    """
    fonts = [font_manager.get_font(font_manager.findfont(family)) for family in plt.rcParams["font.family"]]
    known = set().union(*(font.get_charmap() for font in fonts))
    if any(ord(letter) not in known for name in names for letter in name):
        return [str(number) for number in range(len(names))], True
    short = [name if len(name) <= LONGEST_LABEL else f"{name[: LONGEST_LABEL - 1]}…" for name in names]
    return [name.replace("$", r"\$") for name in short], False


def label_classes(axis: plt.Axes, labels: list[str]) -> None:
    """Write labels of classes below a small panel: upright if they are long, and every n-th one if there are many."""
    every = -(-len(labels) // MOST_LABELS)
    shown = labels[::every]
    upright = len(" ".join(shown)) > LONGEST_LINE
    style = {"rotation": 90, "fontsize": "x-small"} if upright else {}
    axis.set_xticks(range(0, len(labels), every), shown, **style)


def colors(methods: list[str]) -> dict[str, str]:
    """Choose a colour for each method.

    The colours repeat after nine methods. With the marker, no two methods look alike.

    Args:
        methods: Methods in the order of the configuration.

    Returns:
        The colours of the methods, and grey for the original and black for the retrained model.
    """
    return {**dict(zip(methods, itertools.cycle(PALETTE), strict=False)), **REFERENCE_COLORS}


def markers(methods: list[str]) -> dict[str, str]:
    """Choose a marker for each method, so that figures can be read in grey."""
    return {method: MARKERS[number % len(MARKERS)] for number, method in enumerate(methods)}


def grid(
    count: int, columns: int, panel: tuple[float, float], margin: tuple[float, float] = (0, 0), **options: object
) -> tuple[plt.Figure, list[plt.Axes]]:
    """Make panels in rows.

    Args:
        count: Number of panels.
        columns: Number of panels in a row.
        panel: Width and height of a panel in inches.
        margin: Further width and height, for labels and legends.
        options: Further options of `plt.subplots`.

    Returns:
        The figure and the axes of the panels.
    """
    rows = max(1, -(-count // columns))
    size = (panel[0] * columns + margin[0], panel[1] * rows + margin[1])
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, **options)
    for axis in axes.flat[count:]:
        axis.set_axis_off()
    return figure, list(axes.flat[:count])


def panels(methods: list[str]) -> tuple[plt.Figure, dict[str, plt.Axes]]:
    """Make one small panel for each method, on common axes, in rows of at most five.

    Args:
        methods: Titles of the panels.

    Returns:
        The figure, and the axes of each method.
    """
    figure, axes = grid(len(methods), min(5, len(methods)), (1.9, 1.7), sharex=True, sharey=True)
    by_method = dict(zip(methods, axes, strict=True))
    longest = max(map(len, methods))
    for method, axis in by_method.items():
        axis.set_title(method, fontsize=plt.rcParams["font.size"] * min(1, LONGEST_TITLE / longest))
        axis.tick_params(labelbottom=True)
    return figure, by_method


def mean_and_range(values: pd.Series) -> tuple[float, list[list[float]]]:
    """Take the mean of values, and their range as the errors of a mean.

    Args:
        values: One value per run.

    Returns:
        The mean, and how far the values reach below and above it, as `Axes.errorbar` takes it.
    """
    lowest, highest = values.min(), values.max()
    mean = min(max(values.mean(), lowest), highest)  # rounding can put the mean of equal values beside them
    return mean, [[mean - lowest], [highest - mean]]


def median_and_range(runs: pd.DataFrame) -> tuple[float, list[list[float]], bool]:
    """Take the Kaplan–Meier median of times to an event, and their range as the errors of the median.

    Args:
        runs: Runs with `value` and `censored`.

    Returns:
        The median, errors as of `mean_and_range`, and whether half of the runs reached the event.
    """
    values = runs["value"].to_numpy()
    median, reached_by_half = kaplan_meier_median(values, runs["censored"].to_numpy(bool))
    return median, [[median - values.min()], [values.max() - median]], reached_by_half


def line_over_seeds(
    axis: plt.Axes, positions: Sequence[float], runs: list[pd.DataFrame], *, event: bool = False, **style: object
) -> None:
    """Draw a line through means with their ranges. A position without values has no point.

    For times to an event, the line goes through Kaplan–Meier medians; medians that are only bounds are hollow.

    Args:
        axis: Where to draw.
        positions: (n,) positions on the x-axis.
        runs: n tables of runs, with `value` and `censored`.
        event: Whether the values are times to an event.
        style: Options of `Axes.errorbar`.
    """
    points = []
    for position, table in zip(positions, runs, strict=True):
        if len(table):
            summary = median_and_range(table) if event else (*mean_and_range(table["value"]), True)
            points.append((position, *summary))
    if not points:
        return
    places, middles, ranges, _ = zip(*points, strict=True)
    errors = [[errors_of_point[end][0] for errors_of_point in ranges] for end in (0, 1)]
    line = axis.errorbar(places, middles, yerr=errors, ms=4, lw=0.9, **style).lines[0]
    for place, middle, _, reached_by_half in points:
        if not reached_by_half:
            axis.plot(place, middle, line.get_marker(), ms=4, mfc="white", mec=line.get_color(), zorder=3)


def reference_bands(axis: plt.Axes, results: Results, metric: str) -> None:
    """Draw a line at the mean of each reference that has values of a metric, and a band over their range."""
    for method, style in (("original", ":"), ("retrain", "-")):
        values, color = results.values(metric, method)["value"], REFERENCE_COLORS[method]
        if len(values):
            axis.axhline(values.mean(), color=color, ls=style, lw=1, label=method)
            axis.axhspan(values.min(), values.max(), color=color, alpha=0.15, lw=0)


def use_logarithmic_axes(axis: plt.Axes, multiples: tuple[int, ...] = (1, 2, 5)) -> None:
    """Make both axes logarithmic, with plain numbers as labels.

    Args:
        axis: The axes.
        multiples: Which multiples of powers of ten have labels. On an axis over many powers, only the powers have.
    """
    axis.set(xscale="log", yscale="log")
    for scaled in (axis.xaxis, axis.yaxis):
        low, high = scaled.get_view_interval()
        scaled.set_major_locator(LogLocator(subs=multiples if high < 200 * low else (1,)))
        scaled.set_major_formatter(StrMethodFormatter("{x:g}"))
        scaled.set_minor_formatter(NullFormatter())


def save(figure: plt.Figure, path: Path) -> None:
    """Write a figure in the format of the file's suffix, without the date, which would make every file different."""
    suffix = path.suffix[1:]
    date = {"pdf": "CreationDate", "svg": "Date", "png": "Creation Time"}[suffix]
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=suffix, metadata={date: None}, dpi=200)

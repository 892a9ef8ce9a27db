"""One look for all figures: the same colour, marker and order for a method everywhere."""

import itertools
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import seaborn as sns

from unlearning.files import atomic_path

MARKERS = "osD^vP<>X*h"
# seaborn's colour-blind palette without its grey, which the references have, and with a yellow that shows on white.
PALETTE = ["#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#56b4e9", "#949400", "#7a3b8f"]
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
    for method, axis in by_method.items():
        axis.set_title(method, fontsize="medium")
        axis.tick_params(labelbottom=True)
    return figure, by_method


def save(figure: plt.Figure, path: Path) -> None:
    """Write a figure in the format of its suffix, without the date that would make every file new."""
    date = {"pdf": "CreationDate", "svg": "Date"}[path.suffix[1:]]
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:], metadata={date: None}, dpi=200)

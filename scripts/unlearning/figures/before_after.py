"""The same latents before and after unlearning, or the same images completed, by every model."""

from dataclasses import replace

import matplotlib.pyplot as plt

from unlearning.reporting.captions import render_caption
from unlearning.reporting.results import Results
from unlearning.reporting.rows import Row, rows
from unlearning.reporting.strips import Strip, draw_strips

WIDTH = 6.2  # inches, of all images together
LARGEST = 0.42  # inches, of an image
SUMMARY = ("original", "retrain", "finetune", "surgery_retain", "uno")  # rows of the small version
OF_EACH = 4  # images of each kind in the small version


def draw(results: Results) -> tuple[plt.Figure, str]:
    """Draw a row per model and a column per latent or image, those of the class to forget first.

    Args:
        results: Results of the experiment.

    Returns:
        The figure and its caption.
    """
    seed = results.shown_seed
    forgotten = results.probes_of_forgotten(seed)
    figure = _draw(results, rows(results.experiment), list(range(len(forgotten))), LARGEST, 8)
    return figure, render_caption(
        "before_after",
        results,
        seed=seed,
        completing=results.completing,
        shown=len(forgotten),
        of_forgotten=int(forgotten.sum()),
    )


def draw_summary(results: Results) -> plt.Figure:
    """Draw a few rows and columns, large enough for the screen of a phone. Long names have two lines.

    Args:
        results: Results of the experiment.

    Returns:
        The figure with the rows of `SUMMARY` that the experiment has.
    """
    forgotten = results.probes_of_forgotten(results.shown_seed)
    columns = [*(forgotten.nonzero()[0][:OF_EACH]), *((~forgotten).nonzero()[0][:OF_EACH])]
    shown = [replace(row, name=row.name.replace(" (", "\n(")) for row in rows(results.experiment) if row.key in SUMMARY]
    return _draw(results, shown, columns, 0.5, 12)


def _draw(results: Results, shown: list[Row], columns: list[int], largest: float, size: float) -> plt.Figure:
    """Draw some rows and columns.

    Args:
        results: Results of the experiment.
        shown: The rows.
        columns: Numbers of the latents or images.
        largest: Largest width of an image in inches.
        size: Of letters, in points.

    Returns:
        The figure.
    """
    seed = results.shown_seed
    strips = []
    for row in shown:
        images = results.probes(row.key, seed)
        note = "" if images is not None else results.why_missing(row.key, seed) or "all methods failed"
        strips.append(Strip(row, {} if images is None else dict(enumerate(images[columns])), note))
    first = int(results.probes_of_forgotten(seed)[columns].sum())
    return draw_strips(
        strips, _headings(results, first, len(columns)), cell=min(largest, WIDTH / len(columns)), size=size
    )


def _headings(results: Results, first: int, count: int) -> list[tuple[str, int]]:
    """The heading and the number of columns of the two kinds, without a kind that has no column.

    Args:
        results: Results of the experiment.
        first: Number of columns of the class to forget.
        count: Number of all columns.

    Returns:
        The groups as `draw_strips` takes them.
    """
    if results.completing:
        headings = ("held-out images to forget", "images to retain")
    elif results.forgotten:
        headings = ("before: the class to forget", "before: another class")
    else:
        headings = ("", "the same latents")  # samples cannot show which images were to be forgotten
    groups = zip(headings, (first, count - first), strict=True)
    return [(heading, columns) for heading, columns in groups if columns]

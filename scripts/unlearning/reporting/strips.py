"""Rows of images with names, as several figures show them: a row per model, columns in groups with headings."""

from dataclasses import dataclass, field

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.textpath import TextPath

from unlearning.reporting.rows import Row

# Lengths in units of the width of an image.
GAP, GROUP_GAP, ROW_GROUP_GAP, TEXT_GAP = 0.06, 0.4, 0.25, 0.3


@dataclass(frozen=True)
class Strip:
    """The images of one row.

    Attributes:
        row: Whose images they are.
        images: (C, H, W) uint8 by column. A column without an image stays empty.
        note: What is written after the last image, such as why there are no more.
        frames: Colours of frames around images, by column.
        texts: Short texts below images, by column.
        beside: What is written to the right of the row.
    """

    row: Row
    images: dict[int, np.ndarray]
    note: str = ""
    frames: dict[int, str] = field(default_factory=dict)
    texts: dict[int, str] = field(default_factory=dict)
    beside: str = ""


def draw_strips(
    strips: list[Strip],
    groups: list[tuple[str, int]],
    *,
    cell: float,
    corner: str = "",
    beside: str = "",
    size: float = 8,
) -> plt.Figure:
    """Draw strips below each other, with a space before each new group of rows.

    Args:
        strips: The rows, at least one.
        groups: The heading of each group of columns, and its number of columns.
        cell: Width of an image in inches.
        corner: What is written before the headings.
        beside: Heading of what stands to the right of the rows.
        size: Of letters, in points.

    Returns:
        The figure.
    """
    height, width = next((image.shape[1:] for strip in strips for image in strip.images.values()), (1, 1))
    tall = height / width  # of an image, in units of its width
    lefts, middles, end = _columns([(_width(heading, size) / cell, count) for heading, count in groups])
    below = TEXT_GAP if any(strip.texts for strip in strips) else GAP
    new = {place for place in range(1, len(strips)) if strips[place].row.group != strips[place - 1].row.group}
    tops = [
        place * (tall + below) + ROW_GROUP_GAP * len([each for each in new if each <= place])
        for place in range(len(strips))
    ]
    names = [corner, *(strip.row.name for strip in strips)]
    right = max(_width(text, size) for text in [beside, *(strip.beside for strip in strips)])
    headings = 1.3 * size / 72 * max(heading.count("\n") + 1 for heading in [beside, *(name for name, _ in groups)])
    figure, axis = _axes(
        (max(_width(name, size) for name in names) + 0.12, right + 0.1),
        (headings + 0.04, 0.04),
        (cell * end, cell * (tops[-1] + tall + below)),
    )
    axis.set(xlim=(0, end), ylim=(tops[-1] + tall + below, 0))
    for strip, top in zip(strips, tops, strict=True):
        axis.text(-0.06 / cell, top + tall / 2, strip.row.name, ha="right", va="center", size=size)
        axis.text(end + 0.06 / cell, top + tall / 2, strip.beside, va="center", size=size)
        _draw(axis, strip, lefts, top, tall, size)
    for middle, (heading, _) in zip(middles, groups, strict=True):
        axis.text(middle, -0.04 / cell, heading, ha="center", va="bottom", size=size)
    axis.text(-0.06 / cell, -0.04 / cell, corner, ha="right", va="bottom", size=size)
    axis.text(end + 0.06 / cell, -0.04 / cell, beside, va="bottom", size=size)
    return figure


def _draw(axis: plt.Axes, strip: Strip, lefts: list[float], top: float, tall: float, size: float) -> None:
    """Draw the images of a strip with their frames and texts, and its note.

    Args:
        axis: Where to draw.
        strip: What to draw.
        lefts: Left edge of each column.
        top: Upper edge of the strip.
        tall: Height of an image.
        size: Of letters, in points.
    """
    for column, image in strip.images.items():
        left = lefts[column]
        pixels = image.transpose(1, 2, 0)
        pixels = pixels.repeat(3, axis=2) if pixels.shape[2] == 1 else pixels
        axis.imshow(pixels, extent=(left, left + 1, top + tall, top), aspect="auto", interpolation="none")
        if column in strip.frames:
            style = {"fill": False, "lw": 1.4, "ec": strip.frames[column], "clip_on": False}
            axis.add_patch(plt.Rectangle((left, top), 1, tall, **style))
        if column in strip.texts:
            axis.text(left + 0.5, top + tall + 0.02, strip.texts[column], ha="center", va="top", size=0.6 * size)
    if strip.note:
        column = max(strip.images, default=-1) + 1
        axis.text(
            lefts[min(column, len(lefts) - 1)], top + tall / 2, strip.note, va="center", size=size, style="italic"
        )


def _axes(
    beside: tuple[float, float], around: tuple[float, float], inside: tuple[float, float]
) -> tuple[plt.Figure, plt.Axes]:
    """Make axes without lines, of a fixed size, in a figure with room around them; all in inches.

    Args:
        beside: Room to the left and to the right.
        around: Room above and below.
        inside: Width and height of the axes.

    Returns:
        The figure and the axes.
    """
    whole = (sum(beside) + inside[0], sum(around) + inside[1])
    figure = plt.figure(figsize=whole)
    figure.set_layout_engine("none")  # the sizes are known
    place = (beside[0] / whole[0], around[1] / whole[1], inside[0] / whole[0], inside[1] / whole[1])
    axis = figure.add_axes(place)
    axis.set_axis_off()
    return figure, axis


def _width(text: str, size: float) -> float:
    """Width of a text in inches, with some room: letters are drawn a little wider than their outlines."""
    return (
        1.06
        * max(TextPath((0, 0), line, size).get_extents().width if line.strip() else 0 for line in text.split("\n"))
        / 72
    )


def _columns(groups: list[tuple[float, int]]) -> tuple[list[float], list[float], float]:
    """Place columns of width 1 in groups that are at least as wide as their headings.

    Args:
        groups: Width of the heading and number of columns of each group.

    Returns:
        The left edge of each column, the middle of each group, and the right edge of the last one.
    """
    lefts, middles, start = [], [], 0.0
    for heading, count in groups:
        images = count * (1 + GAP) - GAP
        middles.append(start + max(images, heading) / 2)
        lefts += [middles[-1] - images / 2 + place * (1 + GAP) for place in range(count)]
        start += max(images, heading) + GROUP_GAP
    return lefts, middles, start - GROUP_GAP

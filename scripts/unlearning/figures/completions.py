"""The same held-out images, completed by every model."""

from itertools import zip_longest

import matplotlib.pyplot as plt
import numpy as np

from unlearning.data.forget_set import GROUPS
from unlearning.reporting.captions import render_caption
from unlearning.reporting.plotting import labels_of_classes
from unlearning.reporting.results import Results

MODELS = "completing"
COUNT = 8  # images of each group
HELDOUT_GROUPS = ("heldout_retain", "heldout_forget")
TRUTH, INPUT = "truth", "masked input"  # the first two rows
HATCH = np.array([[92, 128, 178], [160, 190, 230]], np.uint8)  # two tones of blue beside grey images, stripes in grey
CELL = 0.36  # inches
SHARP = 64  # pixels at least, so that a small image is not blurred and a hatch fits into it


def draw(results: Results) -> tuple[plt.Figure, str]:
    """Draw a column per image and a row per model, below the true images and the input of the models.

    Args:
        results: Results of the experiment.

    Returns:
        The figure and its caption.
    """
    seed = results.shown_seed
    rows, labels, split = read_rows(results, seed)
    height, width = rows[TRUTH].shape[1:3]
    gap = max(height, width) // 16
    names = [TRUTH, INPUT, *results.rows]
    tops = dict(zip(names, offsets(len(names), height + gap, [2, 4]), strict=True))
    lefts = offsets(len(labels), width + gap, [split])
    canvas = paint(rows, tops, lefts)
    of_classes, numbered = labels_of_classes(results.classes)
    classes = [of_classes[label] for label in labels]
    figure, axis = _axes_for(canvas, CELL / width, names, classes)
    axis.imshow(canvas)
    middles = {row: top + (height - 1) / 2 for row, top in tops.items()}
    _label(axis, middles, np.array(lefts) + (width - 1) / 2, classes, split)
    for model in results.rows:
        if model not in rows:
            axis.text(0, middles[model], f"{results.why_empty(model)}: no completions", va="center")
    counts = {"retain": split, "forget": len(labels) - split}
    return figure, render_caption("completions", results, **counts, seed=seed, numbered=numbered)


def read_rows(results: Results, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray, int]:
    """Read some images of each group, as every model completes them.

    Args:
        results: Results of the experiment.
        seed: Seed of the runs.

    Returns:
        The images of each row, (n, H, W, 3) uint8, without models that diverged or failed; the labels (n,); and the
        number of images to retain, which come first.
    """
    parts, labels = {name: [] for name in (TRUTH, INPUT, *results.rows)}, []
    for group in HELDOUT_GROUPS:
        true = results.completions("original", seed, group, "images", "hidden", "labels")
        places = one_of_each(true["labels"], COUNT)
        images, hidden = enlarged(true["images"][places]), enlarged(true["hidden"][places])
        parts[TRUTH].append(images)
        parts[INPUT].append(np.where(hidden, hatch(*images.shape[1:3]), images))
        labels.append(true["labels"][places])
        for model in results.rows:
            for completed in results.completions(model, seed, group, "completed").values():
                parts[model].append(enlarged(completed[places]))
    rows = {name: np.concatenate(images) for name, images in parts.items() if images}
    return rows, np.concatenate(labels), len(labels[0])


def enlarged(images: np.ndarray) -> np.ndarray:
    """Repeat the pixels of (n, C, H, W) images to at least `SHARP` pixels; (n, H', W', 3)."""
    times = -(-SHARP // min(images.shape[2:]))
    images = images.repeat(times, axis=2).repeat(times, axis=3).transpose(0, 2, 3, 1)
    return np.broadcast_to(images, (*images.shape[:3], 3))


def hatch(height: int, width: int) -> np.ndarray:
    """Make slanting stripes, (H, W, 3) uint8."""
    rows, columns = np.indices((height, width))
    return HATCH[(rows + columns) // max(1, width // 16) % 2]


def one_of_each(labels: np.ndarray, count: int) -> list[int]:
    """Select places of labels: one of each class in turn.

    Args:
        labels: (n,) classes.
        count: Most places to select. If there are more classes, `count` classes from the whole range are used.

    Returns:
        The places, in the order of their classes.
    """
    classes = np.unique(labels)
    classes = classes[np.linspace(0, len(classes) - 1, min(count, len(classes))).round().astype(int)]
    turns = zip_longest(*(np.flatnonzero(labels == number).tolist() for number in classes))
    places = [place for turn in turns for place in turn if place is not None]
    return sorted(places[:count], key=lambda place: labels[place])


def offsets(count: int, size: int, breaks: list[int]) -> list[int]:
    """Return where each of `count` cells begins, with a third of a cell of space before the cells in `breaks`."""
    return [place * size + size // 3 * len([each for each in breaks if 0 < each <= place]) for place in range(count)]


def paint(rows: dict[str, np.ndarray], tops: dict[str, int], lefts: list[int]) -> np.ndarray:
    """Put images on a white canvas.

    Args:
        rows: (n, h, w, 3) uint8 images of each row that has any.
        tops: Upper edge of each row, in pixels.
        lefts: (n,) left edge of each column.

    Returns:
        The canvas, (H, W, 3) uint8.
    """
    height, width = rows[TRUTH].shape[1:3]
    canvas = np.full((max(tops.values()) + height, max(lefts) + width, 3), 255, np.uint8)
    for name, images in rows.items():
        for left, image in zip(lefts, images, strict=True):
            canvas[tops[name] : tops[name] + height, left : left + width] = image
    return canvas


def _axes_for(canvas: np.ndarray, scale: float, rows: list[str], classes: list[str]) -> tuple[plt.Figure, plt.Axes]:
    """Make axes of the canvas's shape, and a figure with room for the labels beside and below them.

    Args:
        canvas: (H, W, 3) pixels.
        scale: Inches per pixel.
        rows: Labels of the rows.
        classes: Labels of the columns.

    Returns:
        The figure and its axes.
    """
    tall, wide = (scale * pixels for pixels in canvas.shape[:2])
    beside = 0.07 * max(map(len, rows)) + 0.15
    below = 0.065 * max(map(len, classes)) + 0.15 if _upright(classes) else 0.25
    whole = (beside + wide + 0.05, below + tall + 0.3)
    figure = plt.figure(figsize=whole)
    figure.set_layout_engine("none")  # the constrained layout cuts off labels beside an image of fixed shape
    return figure, figure.add_axes((beside / whole[0], below / whole[1], wide / whole[0], tall / whole[1]))


def _upright(classes: list[str]) -> bool:
    """Whether the names of classes are too long to stand side by side."""
    return max(map(len, classes)) > 3


def _label(axis: plt.Axes, rows: dict[str, float], columns: np.ndarray, classes: list[str], split: int) -> None:
    """Label the rows, the columns with their classes, and above them the groups.

    Args:
        axis: Axes of the canvas.
        rows: Middle of each row.
        columns: Middle of each column.
        classes: Class of each column.
        split: Number of columns of images to retain.
    """
    axis.set_xticks(columns, classes, rotation=90 if _upright(classes) else 0)
    axis.set_yticks(list(rows.values()), rows)
    of_group = dict(zip(HELDOUT_GROUPS, np.split(columns, [split]), strict=True))
    headings = {middles.mean(): GROUPS[group] for group, middles in of_group.items() if len(middles)}
    above = axis.secondary_xaxis("top")
    above.set_xticks(list(headings), headings.values())
    for labelled in (axis, above):
        labelled.spines[:].set_visible(False)
        labelled.tick_params(length=0)

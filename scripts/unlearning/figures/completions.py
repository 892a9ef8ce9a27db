"""The same held-out images, completed by every model."""

from itertools import zip_longest

import matplotlib.pyplot as plt
import numpy as np

from unlearning.data.forget_set import GROUPS
from unlearning.reporting.results import Results

MODELS = "completing"
SHOWN = 8  # images of each group
HATCH = np.array([[92, 128, 178], [160, 190, 230]], np.uint8)  # two tones of blue beside grey images, stripes in grey
CELL = 0.36  # inches
SHARP = 64  # pixels at least, so that a small image is not blurred and a hatch fits into it
LONGEST_NAME = 18


def draw(results: Results) -> tuple[plt.Figure, str]:
    """A column per image, a row per model, below the true images and what the models see of them."""
    seed = results.experiment["seeds"][0]
    models = results.rows
    groups = [completed_by(results, models, seed, group) for group in ("heldout_retain", "heldout_forget")]
    images, hidden, labels = (np.concatenate([group[part] for group in groups]) for part in range(3))
    split, total = len(groups[0][0]), len(images)
    lost = [model for model in models if not all(model in group[3] for group in groups)]
    rows = {
        "truth": images,
        "masked input": np.where(hidden, hatch(*images.shape[1:3]), images),
        **{model: np.concatenate([group[3][model] for group in groups]) for model in models if model not in lost},
    }

    height, width = images.shape[1:3]
    pad = max(height, width) // 16
    lefts = offsets(total, width + pad, [split])
    tops = dict(zip(["truth", "masked input", *models], offsets(len(models) + 2, height + pad, [2, 4]), strict=True))
    canvas = np.full((max(tops.values()) + height, max(lefts) + width, 3), 255, np.uint8)
    for row, cells in rows.items():
        for left, cell in zip(lefts, cells, strict=True):
            canvas[tops[row] : tops[row] + height, left : left + width] = cell

    names = [results.classes[label] for label in labels]
    names = [name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…" for name in names]
    upright = max(map(len, names)) > 3
    tall, wide = (CELL / width * pixels for pixels in canvas.shape[:2])
    beside = 0.07 * max(map(len, tops)) + 0.15
    below = 0.065 * max(map(len, names)) + 0.15 if upright else 0.25
    whole = (beside + wide + 0.05, below + tall + 0.3)
    figure = plt.figure(figsize=whole)
    figure.set_layout_engine("none")  # the constrained one cuts off labels beside an image of fixed shape
    axis = figure.add_axes((beside / whole[0], below / whole[1], wide / whole[0], tall / whole[1]))
    axis.imshow(canvas)
    axis.spines[:].set_visible(False)
    axis.set_xticks([left + (width - 1) / 2 for left in lefts], names, rotation=90 if upright else 0)
    axis.set_yticks([top + (height - 1) / 2 for top in tops.values()], tops)
    middles = {"heldout_retain": lefts[:split], "heldout_forget": lefts[split:]}
    headings = {np.mean(places) + (width - 1) / 2: GROUPS[group] for group, places in middles.items() if places}
    above = axis.secondary_xaxis("top")
    above.set_xticks(list(headings), headings.values())
    above.spines[:].set_visible(False)
    for each in (axis, above):
        each.tick_params(length=0)
    for model in lost:
        axis.text(0, tops[model] + (height - 1) / 2, "diverged: no completions", va="center")
    caption = (
        f"Held-out images, {split} to retain and {total - split} to forget with their true class below, as completed "
        f"by every model of seed {seed}: the original, the retrained model and each method from the same input, whose "
        f"hidden pixels are hatched. {results.conditions()}"
    )
    return figure, caption


def completed_by(
    results: Results, models: list[str], seed: int, group: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Some images of a group, enlarged, (n, H, W, 3) uint8, their hidden pixels (n, H, W, 3), labels (n,), and
    completions by each model that has any."""

    def as_shown(images: np.ndarray) -> np.ndarray:
        times = -(-SHARP // min(images.shape[2:]))
        images = images[chosen].repeat(times, axis=2).repeat(times, axis=3).transpose(0, 2, 3, 1)
        return np.broadcast_to(images, (*images.shape[:3], 3))

    true = results.completions("original", seed, group, "images", "hidden", "labels")
    chosen = one_of_each(true["labels"], SHOWN)
    completed = {model: results.completions(model, seed, group, "completed") for model in models}
    completed = {model: as_shown(arrays["completed"]) for model, arrays in completed.items() if arrays}
    return as_shown(true["images"]), as_shown(true["hidden"]), true["labels"][chosen], completed


def hatch(height: int, width: int) -> np.ndarray:
    """Slanting stripes, (H, W, 3) uint8."""
    rows, columns = np.indices((height, width))
    return HATCH[(rows + columns) // max(1, width // 16) % 2]


def one_of_each(labels: np.ndarray, count: int) -> list[int]:
    """At most `count` places, taken from all classes in turn, or from `count` of the classes, in order of class."""
    classes = np.unique(labels)
    classes = classes[np.linspace(0, len(classes) - 1, min(count, len(classes))).round().astype(int)]
    turns = zip_longest(*(np.flatnonzero(labels == number).tolist() for number in classes))
    places = [place for turn in turns for place in turn if place is not None]
    return sorted(places[:count], key=lambda place: labels[place])


def offsets(count: int, size: int, breaks: list[int]) -> list[int]:
    """Where each of a row of cells begins, with a third of a cell of space before those in `breaks`."""
    return [place * size + size // 3 * sum(place >= each for each in breaks if each) for place in range(count)]

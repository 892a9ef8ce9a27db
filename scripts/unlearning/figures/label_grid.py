"""Samples of every model under each label, from the same noise."""

import matplotlib.pyplot as plt
import numpy as np

from unlearning.reporting.captions import render_caption
from unlearning.reporting.plotting import labels_of_classes
from unlearning.reporting.results import Results
from unlearning.reporting.rows import Row, rows
from unlearning.reporting.strips import Strip, draw_strips

MODEL_HAS = ["label_embeddings"]
NEEDS = {"evaluation.metrics": {"contains": {"enum": ["labels"]}}}
EACH = 2  # samples of each label
MOST_LABELS = 11
WIDTH = 6.2  # inches, of all images together
LARGEST = 0.42  # inches, of an image
FRAME = "#d55e00"


def draw(results: Results) -> tuple[plt.Figure, str]:
    """Draw a row per model and a group of columns per label: the labels to forget, the null label, labels to retain.

    Args:
        results: Results of the experiment.

    Returns:
        The figure and its caption.
    """
    seed, forgotten = results.shown_seed, results.forget_set["forgotten_classes"]
    names, numbered = labels_of_classes(results.classes)
    labels = shown_labels(len(names), forgotten)
    strips = [_strip(results, row, seed, labels) for row in rows(results.experiment)]
    headings = [f"{name} (forget)" if number in forgotten else name for number, name in enumerate(names)]
    headings.append("no label")
    cell = min(LARGEST, WIDTH / (EACH * len(labels)))
    figure = draw_strips(strips, [(headings[label], EACH) for label in labels], cell=cell)
    caption = render_caption(
        "label_grid",
        results,
        seed=seed,
        each=EACH,
        labels=len(labels),
        of=len(headings),
        numbered=numbered,
    )
    return figure, caption


def shown_labels(classes: int, forgotten: list[int]) -> list[int]:
    """The labels that the grid has room for: those to forget, the null label K, and those to retain.

    Args:
        classes: Number K of classes.
        forgotten: Class numbers to forget.

    Returns:
        At most `MOST_LABELS` numbers.
    """
    retained = [label for label in range(classes) if label not in forgotten]
    return [*forgotten[: MOST_LABELS - 2], classes, *retained][:MOST_LABELS]


def _strip(results: Results, row: Row, seed: int, labels: list[int]) -> Strip:
    """The images of one model under labels, with frames around those that the judge takes for a forgotten class."""
    made = results.by_label(row.key, seed)
    if not made:
        return Strip(row, {}, results.why_missing(row.key, seed))
    places = [(label, sample) for label in labels for sample in range(EACH)]
    images = {column: made["images"][place] for column, place in enumerate(places)}
    classes = np.array([made["classes"][place] for place in places])
    framed = np.flatnonzero(np.isin(classes, results.forget_set["forgotten_classes"]))
    return Strip(row, images, frames=dict.fromkeys(framed.tolist(), FRAME))

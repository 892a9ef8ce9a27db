"""What every model makes under each label: matrices of label asked for × class judged."""

import matplotlib.pyplot as plt
import numpy as np

from unlearning.reporting.captions import render_caption
from unlearning.reporting.plotting import label_classes, labels_of_classes, panels
from unlearning.reporting.results import Results

MODEL_HAS = ["label_embeddings"]
NEEDS = {"evaluation.metrics": {"contains": {"enum": ["labels"]}}}
FRAME = "#d55e00"
MOST_NAMED = 2  # forgotten labels below a panel


def draw(results: Results) -> tuple[plt.Figure, str]:
    """Draw a panel per model: a row per label, the null label last, and a column per class.

    Below each panel stand the class that the label to forget becomes, and the label to retain that fails most.

    Args:
        results: Results of the experiment.

    Returns:
        The figure and its caption.
    """
    figure, axes = panels(results.rows)
    figure.set_figheight(1.5 * figure.get_figheight())  # the labels stand below one another
    names, numbered = labels_of_classes(results.classes)
    drawn = None
    for row, axis in axes.items():
        matrix = mean_matrix(results, row)
        if matrix is None:
            axis.text(0.5, 0.5, results.why_empty(row), ha="center", transform=axis.transAxes)
            continue
        drawn = axis.imshow(100 * matrix, cmap="Greys", vmin=0, vmax=100, aspect="auto", interpolation="none")
        for label in results.forget_set["forgotten_classes"]:
            frame = {"fill": False, "lw": 1, "ec": FRAME, "clip_on": False}
            axis.add_patch(plt.Rectangle((-0.5, label - 0.5), len(names), 1, **frame))
        axis.set_xlabel(_summary(matrix, results.forget_set["forgotten_classes"], names), fontsize="x-small")
    for axis in axes.values():
        label_classes(axis, names)
        every = max(1, len(names) // 10)
        places = [*range(0, len(names), every), len(names)]
        axis.set_yticks(places, [*names[::every], "none"], fontsize="x-small")
    if drawn is not None:
        figure.colorbar(drawn, ax=list(axes.values()), label="samples of the label (%)", aspect=40)
    figure.supxlabel("class, by the judge")
    figure.supylabel("label asked for")
    samples = results.experiment["evaluation"]["label_samples"]
    return figure, render_caption("label_matrices", results, samples=samples, numbered=numbered)


def mean_matrix(results: Results, row: str) -> np.ndarray | None:
    """The share from 0 to 1 of each class under each label, (K + 1, K), the mean over the seeds of a row.

    Args:
        results: Results of the experiment.
        row: Name of the row.

    Returns:
        The matrix; None if no run of the row has one.
    """
    made = [results.by_label(row, seed) for seed in results.experiment["seeds"]]
    matrices = [arrays["matrix"] for arrays in made if arrays]
    return np.mean(matrices, axis=0) if matrices else None


def _summary(matrix: np.ndarray, forgotten: list[int], names: list[str]) -> str:
    """What the first labels to forget become, and the label to retain with the smallest share of its own class."""
    lines = [
        f"{names[label]} → {names[matrix[label].argmax()]} ({100 * matrix[label].max():.0f} %)"
        for label in forgotten[:MOST_NAMED]
    ]
    retained = [label for label in range(len(names)) if label not in forgotten]
    worst = min(retained, key=lambda label: matrix[label, label])
    return "\n".join([*lines, f"worst: {names[worst]} ({100 * matrix[worst, worst]:.0f} %)"])

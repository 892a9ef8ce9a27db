"""How a class disappears: the same latents in the course of unlearning."""

import matplotlib.pyplot as plt
import numpy as np

from unlearning.reporting.captions import render_caption
from unlearning.reporting.results import Results
from unlearning.reporting.rows import rows
from unlearning.reporting.strips import Strip, draw_strips

COLUMNS = 24  # images of a row, if two latents do not need more
LEAST, MOST = 2, 3  # latents
WIDTH = 6.4  # inches, of all images together


def draw(results: Results) -> tuple[plt.Figure, str]:
    """Draw a row per method and a group of columns per step, with the same few latents or images in each group.

    Args:
        results: Results of the experiment.

    Returns:
        The figure and its caption.
    """
    seed = results.shown_seed
    runs = {row: results.transformation(row.key, seed) for row in rows(results.experiment) if row.group != "references"}
    last = results.experiment["unlearning"]["steps"]
    steps = sorted({last, *(int(step) for run in runs.values() for step in run.get("steps", ()))})
    forgotten = results.probes_of_forgotten(seed)
    chosen = _choose(forgotten, max(LEAST, min(MOST, COLUMNS // len(steps))))
    strips = []
    for row, run in runs.items():
        images = {}
        for step, shown in zip(run.get("steps", ()), run.get("images", ()), strict=True):
            start = steps.index(step) * len(chosen)
            images |= dict(enumerate(shown[chosen], start))
        strips.append(Strip(row, images, results.why_missing(row.key, seed)))
    groups = [(str(step), len(chosen)) for step in steps]
    cell = min(0.36, WIDTH / (len(steps) * len(chosen)))
    figure = draw_strips(strips, groups, cell=cell, corner="step")
    return figure, render_caption(
        "transformation",
        results,
        seed=seed,
        completing=results.completing,
        shown=len(chosen),
        of_forgotten=int(forgotten[chosen].sum()),
    )


def _choose(forgotten: np.ndarray, count: int) -> list[int]:
    """Choose the first probes of each kind, one more of the forgotten kind if their number is odd.

    Args:
        forgotten: (n,) bool of each probe.
        count: How many to choose.

    Returns:
        Places of the probes, forgotten ones first.
    """
    of_forgotten, others = forgotten.nonzero()[0], (~forgotten).nonzero()[0]
    first = max(min(-(-count // 2), len(of_forgotten)), count - len(others))
    return [*of_forgotten[:first].tolist(), *others[: count - first].tolist()]

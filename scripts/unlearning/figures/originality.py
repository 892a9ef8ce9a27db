"""Samples after unlearning beside their nearest training images, to forget and to retain."""

import matplotlib.pyplot as plt
import numpy as np

from unlearning.reporting.captions import render_caption
from unlearning.reporting.plotting import mean_and_range
from unlearning.reporting.results import Results
from unlearning.reporting.rows import Row, rows
from unlearning.reporting.strips import Strip, draw_strips

MODELS = "generating"
NEEDS = {"evaluation.metrics": {"contains": {"enum": ["originality"]}}}
DISTANCES = ("pixels", "features")
SETS = {"forget": "#d55e00", "retain": "#0173b2"}  # colours of frames
CELL = 0.26  # inches


def draw(results: Results) -> tuple[plt.Figure, str]:
    """Draw a row per model: of each distance some samples, each followed by its nearest images of both sets.

    Args:
        results: Results of the experiment.

    Returns:
        The figure and its caption.
    """
    seed = results.shown_seed
    listed = rows(results.experiment)
    found = {row: results.originality(row.key, seed) for row in listed}
    samples = max((len(arrays["pixels.samples"]) for arrays in found.values() if arrays), default=1)
    first = -(-samples // 2)
    groups = []
    for distance in DISTANCES:
        name = "pixels" if distance == "pixels" else f"{results.features} features"
        kinds = ((f"by {name}:\nfirst samples", first), (f"by {name}:\nnearest to forget set", samples - first))
        groups += [(heading, 3 * count) for heading, count in kinds if count]
    strips = [_strip(results, row, arrays, samples) for row, arrays in found.items()]
    figure = draw_strips(strips, groups, cell=CELL, size=7, beside="is to forget:\npixels | features")
    return figure, render_caption("originality", results, seed=seed, half=first)


def _strip(results: Results, row: Row, arrays: dict[str, np.ndarray], samples: int) -> Strip:
    """Put the samples of one model and their nearest images in a row, with a frame around the nearer of the two.

    Args:
        results: Results of the experiment.
        row: The model.
        arrays: What the metric `originality` stored of the model; empty if the model has no samples.
        samples: Samples of each distance.

    Returns:
        The row.
    """
    images, frames, texts, column = {}, {}, {}, 0
    for distance in DISTANCES if arrays else ():
        lengths = {name: arrays[f"{distance}.{name}_distance"] for name in SETS}
        for place in range(samples):
            images[column] = arrays[f"{distance}.samples"][place]
            nearer = min(SETS, key=lambda name: lengths[name][place])
            for beside, name in enumerate(SETS, 1):
                images[column + beside] = arrays[f"{distance}.{name}"][place]
                texts[column + beside] = f"{lengths[name][place]:#.3g}"
                if name == nearer:
                    frames[column + beside] = SETS[name]
            column += 3
    note = "" if arrays else f"{results.why_empty(row.key)}: no samples"
    return Strip(row, images, note, frames, texts, _shares(results, row.key))


def _shares(results: Results, row: str) -> str:
    """The shares of samples whose nearest training image is one to forget, by each distance, as means over seeds."""
    shares = [results.values(f"nearest_is_forgotten_{distance}", row)["value"] for distance in DISTANCES]
    return " | ".join(f"{mean_and_range(share)[0]:.1f} %" if len(share) else "–" for share in shares)

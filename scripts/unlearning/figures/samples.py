"""Samples of every model from the same latents."""

import matplotlib.pyplot as plt
import numpy as np

from unlearning.reporting.captions import render_caption
from unlearning.reporting.results import Results

MODELS = "generating"
COUNT = 16  # samples of each model
FRAME = "#d55e00"


def draw(results: Results) -> tuple[plt.Figure, str]:
    """Draw one row per model and one column per latent, with a frame around samples of a forgotten class.

    Args:
        results: Results of the experiment.

    Returns:
        The figure and its caption.
    """
    seed = results.shown_seed
    rows = results.rows
    figure, axes = plt.subplots(len(rows), 1, figsize=(0.42 * COUNT + 1.2, 0.42 * len(rows)))
    for axis, method in zip(axes, rows, strict=True):
        samples = results.samples(method, seed)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
        name = "original (before)" if method == "original" else method
        axis.set_ylabel(name, rotation=0, ha="right", va="center")
        if len(samples["images"]) == 0:
            axis.text(0, 0.5, f"{results.why_empty(method)}: no samples", va="center", transform=axis.transAxes)
        else:
            forgotten = np.isin(samples["classes"][:COUNT], results.forget_set["forgotten_classes"])
            _draw_images(axis, samples["images"][:COUNT], forgotten)
    return figure, render_caption("samples", results, samples=COUNT, seed=seed)


def _draw_images(axis: plt.Axes, images: np.ndarray, framed: np.ndarray) -> None:
    """Draw images in a row.

    Args:
        axis: Where to draw.
        images: (n, C, H, W) uint8.
        framed: (n,) True for images that get a frame.
    """
    height, width = images.shape[2:]
    strip = np.concatenate(np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=255), axis=2)
    axis.imshow(strip.transpose(1, 2, 0).squeeze(), cmap="gray", vmin=0, vmax=255, aspect="equal")
    for column in np.flatnonzero(framed):
        corner = (column * (width + 2) - 0.5, -0.5)
        axis.add_patch(plt.Rectangle(corner, width + 2, height + 2, fill=False, lw=2, ec=FRAME, clip_on=False))

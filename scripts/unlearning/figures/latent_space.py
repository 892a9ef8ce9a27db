"""Which class each point of a two-dimensional latent space is decoded to, before and after unlearning."""

import matplotlib.pyplot as plt
import numpy as np

from unlearning.reporting.captions import render_caption
from unlearning.reporting.plotting import labels_of_classes, panels
from unlearning.reporting.results import Results

MODELS = "generating"
NEEDS = {"model": {"additionalProperties": {"properties": {"latent_dimensions": {"const": 2}}}}}
POINTS = 4000
LEGEND_WIDTH = 60  # letters on a line of the legend


def draw(results: Results) -> tuple[plt.Figure, str]:
    """Draw a panel per model: latents from the prior, with the colour of the class of their sample.

    Args:
        results: Results of the experiment.

    Returns:
        The figure and its caption.
    """
    seed = results.shown_seed
    figure, axes = panels(results.rows)
    palette = plt.get_cmap("tab10")
    for method, axis in axes.items():
        samples = results.samples(method, seed)
        axis.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xticks=[], yticks=[])
        if len(samples["classes"]) == 0:
            axis.text(0.5, 0.5, results.why_empty(method), ha="center", transform=axis.transAxes)
            continue
        latents, classes = samples["latents"][:POINTS], samples["classes"][:POINTS]
        axis.scatter(*latents.T, c=palette(classes % 10), s=1.5, lw=0, rasterized=True)
        forgotten = np.isin(classes, results.forget_set["forgotten_classes"])
        axis.scatter(*latents[forgotten].T, s=3, c="black", lw=0, rasterized=True)
    color_of = {name: palette(number % 10) for number, name in enumerate(results.classes)}
    color_of |= dict.fromkeys(results.forgotten, "black")
    handles = [plt.Line2D([], [], ls="", marker="o", ms=4, color=color) for color in color_of.values()]
    labels, numbered = labels_of_classes(results.classes)
    columns = min(10, LEGEND_WIDTH // (max(map(len, labels)) + 4))
    # The labels are written afterwards: matplotlib leaves out each label that begins with an underscore.
    legend = figure.legend(handles, range(len(labels)), loc="outside lower center", ncols=columns, frameon=False)
    for place, label in zip(legend.get_texts(), labels, strict=True):
        place.set_text(label)
    latents = min(POINTS, results.experiment["evaluation"]["samples"])
    return figure, render_caption("latent_space", results, latents=latents, seed=seed, numbered=numbered)

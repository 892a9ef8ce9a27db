"""What every point of a two-dimensional latent space is decoded to, before and after unlearning."""

import matplotlib.pyplot as plt
import numpy as np

from unlearning.reporting.plotting import panels
from unlearning.reporting.results import Results

MODELS = "generating"
NEEDS = {"model": {"additionalProperties": {"properties": {"latent_dimensions": {"const": 2}}}}}
POINTS = 4000


def draw(results: Results) -> tuple[plt.Figure, str]:
    """A panel per model: latents drawn from the prior, coloured by the judge's class of their sample."""
    seed = results.experiment["seeds"][0]
    figure, axes = panels(results.rows)
    palette = plt.get_cmap("tab10")
    for method, axis in axes.items():
        drawn = results.samples(method, seed)
        axis.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xticks=[], yticks=[])
        if len(drawn["classes"]) == 0:
            axis.text(0.5, 0.5, "diverged", ha="center", transform=axis.transAxes)
            continue
        latents, classes = drawn["latents"][:POINTS], drawn["classes"][:POINTS]
        axis.scatter(*latents.T, c=palette(classes % 10), s=1.5, lw=0, rasterized=True)
        forgotten = np.isin(classes, results.forget_set["forgotten_classes"])
        axis.scatter(*latents[forgotten].T, s=3, c="black", lw=0, rasterized=True)
    legend = {name: palette(number % 10) for number, name in enumerate(results.classes)}
    legend |= dict.fromkeys(results.forgotten, "black")
    handles = [plt.Line2D([], [], ls="", marker="o", ms=4, color=color) for color in legend.values()]
    figure.legend(handles, results.classes, loc="outside lower center", ncols=10, frameon=False)
    shown = min(POINTS, results.experiment["evaluation"]["samples"])
    caption = (
        f"{shown} latents from the prior, the same in every panel, coloured by the class that the judge gives to what "
        f"the model of seed {seed} decodes them to; black: forgotten. {results.conditions()}"
    )
    return figure, caption

"""Samples of every model from the same latents."""

import matplotlib.pyplot as plt
import numpy as np

from unlearning.reporting.results import Results

MODELS = "generating"
SHOWN = 16
FRAME = "#d55e00"


def draw(results: Results) -> tuple[plt.Figure, str]:
    """One row per model, one column per latent; a frame marks what the judge takes for a forgotten class."""
    seed = results.experiment["seeds"][0]
    rows = results.rows
    figure, axes = plt.subplots(len(rows), 1, figsize=(0.42 * SHOWN + 1.2, 0.42 * len(rows)))
    for axis, method in zip(axes, rows, strict=True):
        drawn = results.samples(method, seed)
        axis.set_xticks([])
        axis.set_yticks([])
        for spine in axis.spines.values():
            spine.set_visible(False)
        name = "original (before)" if method == "original" else method
        axis.set_ylabel(name, rotation=0, ha="right", va="center")
        if len(drawn["images"]) == 0:
            axis.text(0, 0.5, "diverged: no samples", va="center", transform=axis.transAxes)
            continue
        images = drawn["images"][:SHOWN]
        height, width = images.shape[2:]
        strip = np.concatenate(np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=255), axis=2)
        axis.imshow(strip.transpose(1, 2, 0).squeeze(), cmap="gray", vmin=0, vmax=255, aspect="equal")
        for column in np.flatnonzero(np.isin(drawn["classes"][:SHOWN], results.forget_set["forgotten_classes"])):
            corner = (column * (width + 2) - 0.5, -0.5)
            axis.add_patch(plt.Rectangle(corner, width + 2, height + 2, fill=False, lw=2, ec=FRAME, clip_on=False))
    caption = (
        f"{SHOWN} samples of every model of seed {seed} from the same latents, the original (before), the "
        "retrained model and each method (after). "
        + (f"Frames: the judge takes the image for class {', '.join(results.forgotten)}. " if results.forgotten else "")
        + results.conditions()
    )
    return figure, caption

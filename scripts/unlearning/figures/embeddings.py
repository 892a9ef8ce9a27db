"""Where completed and true images lie among each other, in the eyes of the judge, of Inception or of CLIP."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from unlearning.data.forget_set import GROUPS, spread_out
from unlearning.reporting.plotting import panels
from unlearning.reporting.results import Results

MODELS = "completing"
POINTS = 50  # images of each group: t-SNE of 2,000 points takes some ten seconds
PERPLEXITY = 30
SEED = 0
LOOKS = {"heldout_retain": ("o", "#0173b2", "#a9cfe6"), "heldout_forget": ("^", "#d55e00", "#f4c39c")}


def draw(results: Results) -> tuple[plt.Figure, str]:
    """A panel per model on common axes: true images pale, the same completed by the model in full colour."""
    seed = results.experiment["seeds"][0]
    models = results.rows
    features = {
        ("true", group): array[spread_out(range(len(array)), POINTS)]
        for group in LOOKS
        for array in results.completions("original", seed, group, "true_embeddings").values()
    }
    features |= {
        (model, group): array[spread_out(range(len(array)), POINTS)]
        for model in models
        for group in LOOKS
        for array in results.completions(model, seed, group, "embeddings").values()
    }
    points, perplexity = embedding(features)
    figure, axes = panels(models)
    for model, axis in axes.items():
        for group, (marker, full, pale) in LOOKS.items():
            for of, color in (("true", pale), (model, full)):
                if (of, group) in points:
                    axis.scatter(*points[of, group].T, s=9, marker=marker, color=color, lw=0, rasterized=True)
        if not any(of == model for of, _ in points):
            axis.text(0.5, 0.5, "diverged", ha="center", va="center", transform=axis.transAxes)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(True)
    handles = {
        f"{GROUPS[group]}, {of}": plt.Line2D([], [], ls="", marker=marker, ms=4, mew=0, color=color)
        for group, (marker, full, pale) in LOOKS.items()
        for of, color in (("true", pale), ("completed", full))
    }
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=4, frameon=False)
    numbers = " and ".join(f"{len(features['true', group])} {GROUPS[group]}" for group in LOOKS)
    width = next(iter(features.values())).shape[1]
    caption = (
        f"t-SNE of {width} {results.embeddings} of {numbers} images, the true ones (pale, the same in every "
        f"panel) and as completed by each model of seed {seed}. One embedding (perplexity {perplexity:g}, seed {SEED}) "
        f"of all {sum(map(len, features.values()))} points together, so that places in different panels compare; "
        f"distances between far points mean nothing. {results.conditions()}"
    )
    return figure, caption


def embedding(features: dict[tuple, np.ndarray]) -> tuple[dict[tuple, np.ndarray], float]:
    """Points (n, 2) for features (n, F) of each key, and the perplexity; whatever the order of the keys."""
    keys = sorted(features)
    together = np.concatenate([features[key] for key in keys])
    perplexity = min(PERPLEXITY, (len(together) - 1) // 3)
    with threadpool_limits(1):  # sums over threads change with their number, and t-SNE with the sums
        places = TSNE(perplexity=perplexity, init="pca", random_state=SEED).fit_transform(together)
    ends = np.cumsum([len(features[key]) for key in keys])
    return dict(zip(keys, np.split(places, ends[:-1]), strict=True)), perplexity

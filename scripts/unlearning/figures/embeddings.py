"""Where completed and true images lie among each other, by features of the judge, of Inception or of CLIP."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from unlearning.data.forget_set import GROUPS, spread_out
from unlearning.reporting.captions import render_caption
from unlearning.reporting.plotting import panels
from unlearning.reporting.results import Results

MODELS = "completing"
POINTS = 50  # images of each group: t-SNE of 2,000 points takes some ten seconds
PERPLEXITY = 30
SEED = 0
STYLES = {"heldout_retain": ("o", "#0173b2", "#a9cfe6"), "heldout_forget": ("^", "#d55e00", "#f4c39c")}


def draw(results: Results) -> tuple[plt.Figure, str]:
    """Draw a panel per model on common axes: true images pale, the same images as completed in full colour.

    Args:
        results: Results of the experiment.

    Returns:
        The figure and its caption.
    """
    seed = results.shown_seed
    features = _features(results, seed)
    points, perplexity = embedding(features)
    figure, axes = panels(results.rows)
    for model, axis in axes.items():
        for group, (marker, full, pale) in STYLES.items():
            for source, color in (("true", pale), (model, full)):
                if (source, group) in points:
                    axis.scatter(*points[source, group].T, s=9, marker=marker, color=color, lw=0, rasterized=True)
        if not any(source == model for source, _ in points):
            axis.text(0.5, 0.5, results.why_empty(model), ha="center", va="center", transform=axis.transAxes)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(True)
    handles = {
        f"{GROUPS[group]}, {source}": plt.Line2D([], [], ls="", marker=marker, ms=4, mew=0, color=color)
        for group, (marker, full, pale) in STYLES.items()
        for source, color in (("true", pale), ("completed", full))
    }
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=4, frameon=False)
    caption = render_caption(
        "embeddings",
        results,
        width=next(iter(features.values())).shape[1],
        embeddings=results.embeddings,
        images=[f"{len(features['true', group])} {GROUPS[group]}" for group in STYLES],
        seed=seed,
        perplexity=f"{perplexity:g}",
        tsne_seed=SEED,
        points=sum(map(len, features.values())),
    )
    return figure, caption


def _features(results: Results, seed: int) -> dict[tuple[str, str], np.ndarray]:
    """Read the features of some images, (n, F).

    Args:
        results: Results of the experiment.
        seed: Seed of the runs.

    Returns:
        By source, 'true' or a model that has any, and by group.
    """
    features = {}
    for source in ["true", *results.rows]:
        model, name = ("original", "true_embeddings") if source == "true" else (source, "embeddings")
        for group in STYLES:
            stored = results.completions(model, seed, group, name)
            if name in stored:
                features[source, group] = stored[name][spread_out(range(len(stored[name])), POINTS)]
    return features


def embedding(features: dict[tuple, np.ndarray]) -> tuple[dict[tuple, np.ndarray], float]:
    """Embed all features together by t-SNE. The order of the keys does not matter.

    Args:
        features: (n, F) features of each key.

    Returns:
        (n, 2) points of each key, and the perplexity.
    """
    keys = sorted(features)
    together = np.concatenate([features[key] for key in keys])
    perplexity = min(PERPLEXITY, (len(together) - 1) // 3)
    with threadpool_limits(1):  # the rounding of sums depends on the number of threads, and t-SNE amplifies rounding
        points = TSNE(perplexity=perplexity, init="pca", random_state=SEED).fit_transform(together)
    ends = np.cumsum([len(features[key]) for key in keys])
    return dict(zip(keys, np.split(points, ends[:-1]), strict=True)), perplexity

"""Which classes a model generates."""

import matplotlib.pyplot as plt
import numpy as np

from unlearning.reporting.captions import render_caption
from unlearning.reporting.plotting import colors, label_classes, labels_of_classes, panels
from unlearning.reporting.results import Results

MODELS = "generating"


def draw(results: Results) -> tuple[plt.Figure, str]:
    """Draw a panel per model: the share of each class, beside the retrained models.

    Args:
        results: Results of the experiment.

    Returns:
        The figure and its caption.
    """
    figure, axes = panels(["original", *results.methods])
    retrained = _shares(results, "retrain")
    labels, numbered = labels_of_classes(results.classes)
    positions = np.arange(len(results.classes))
    for method, axis in axes.items():
        shares = _shares(results, method)
        if len(shares):
            mean = shares.mean(axis=0)
            spread = [mean - shares.min(axis=0), shares.max(axis=0) - mean]
            axis.bar(positions, mean, color=colors(results.methods)[method], yerr=spread, error_kw={"lw": 0.8})
        else:
            axis.text(0.5, 0.5, results.why_empty(method), ha="center", transform=axis.transAxes)
        if len(retrained):
            _outline(axis, retrained)
        label_classes(axis, labels)
    figure.supxlabel("class, by the judge")
    figure.supylabel("share of samples (%)")
    samples = results.experiment["evaluation"]["samples"]
    return figure, render_caption("class_histograms", results, samples=samples, numbered=numbered)


def _shares(results: Results, method: str) -> np.ndarray:
    """The shares of the classes among the samples of a method's runs, in per cent; (runs, classes)."""
    metrics = results.metrics[results.metrics["method"] == method]
    table = metrics.pivot_table(index="seed", columns="metric", values="value")
    columns = [f"class_share_{name}" for name in results.classes]
    return table[columns].to_numpy() if columns[0] in table else np.empty((0, len(columns)))


def _outline(axis: plt.Axes, shares: np.ndarray) -> None:
    """Draw the outline of the mean histogram of shares (runs, classes), and a band over their range."""
    edges = np.arange(shares.shape[1] + 1) - 0.5
    lowest, mean, highest = (
        np.append(values, values[-1]) for values in (shares.min(axis=0), shares.mean(axis=0), shares.max(axis=0))
    )
    axis.fill_between(edges, lowest, highest, step="post", color="0.6", alpha=0.5, lw=0, zorder=2)
    axis.step(edges, mean, where="post", color="black", lw=0.9)

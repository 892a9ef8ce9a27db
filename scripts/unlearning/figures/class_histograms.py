"""Which classes a model generates."""

import matplotlib.pyplot as plt
import numpy as np

from unlearning.reporting.plotting import colors, panels
from unlearning.reporting.results import Results

MODELS = "generating"


def draw(results: Results) -> tuple[plt.Figure, str]:
    """A panel per model: mean share of each class with its range over seeds, beside the retrained model."""
    rows = ["original", *results.methods]
    figure, axes = panels(rows)
    names = results.classes
    positions = np.arange(len(names))

    def shares(method: str) -> np.ndarray:
        table = results.metrics[(results.metrics["method"] == method)]
        table = table.pivot_table(index="seed", columns="metric", values="value")
        columns = [f"class_share_{name}" for name in names]
        return table[columns].to_numpy() if columns[0] in table else np.empty((0, len(names)))

    retrain = shares("retrain")
    steps = np.append(positions, len(names)) - 0.5
    lowest, mean_retrained, highest = (
        np.append(each, each[-1]) for each in (retrain.min(axis=0), retrain.mean(axis=0), retrain.max(axis=0))
    )
    for method, axis in axes.items():
        values = shares(method)
        if len(values):
            mean = values.mean(axis=0)
            spread = [mean - values.min(axis=0), values.max(axis=0) - mean]
            axis.bar(positions, mean, color=colors(results.methods)[method], yerr=spread, error_kw={"lw": 0.8})
        else:
            axis.text(0.5, 0.5, "diverged", ha="center", transform=axis.transAxes)
        axis.fill_between(steps, lowest, highest, step="post", color="0.6", alpha=0.5, lw=0, zorder=2)
        axis.step(steps, mean_retrained, where="post", color="black", lw=0.9)
        axis.set_xticks(positions, names)
    figure.supxlabel("class, by the judge")
    figure.supylabel("share of samples (%)")
    caption = (
        f"Classes of {results.experiment['evaluation']['samples']} samples of each model, by the judge: mean and range "
        f"over seeds. Black outline and grey band: the retrained models' mean and range. {results.conditions()}"
    )
    return figure, caption

"""Effect of the running statistics alone: each row's weights with statistics from three sources."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from unlearning.reporting.captions import render_caption
from unlearning.reporting.comparisons import summarise
from unlearning.reporting.results import Results
from unlearning.reporting.summary import cells

MODELS = "generating"
NEEDS = {"evaluation.metrics": {"contains": {"enum": ["statistics_effect"]}}}
SOURCES = {"as_left": "as left by the run", "mixed": "retain and forget", "retain": "retain"}
MARKERS = "osD"  # of the sources
QUANTITIES = {"forget_fraction": "Forget fraction (%)", "negative_elbo": "−ELBO held-out retain (nats)"}
DIFFERENCE = "as left − retain"


def draw(results: Results) -> tuple[plt.Figure, str]:
    """Draw a panel per quantity, with a row per model and a marker per source, at the mean over seeds.

    Args:
        results: Results of the experiment.

    Returns:
        The figure and its caption.
    """
    figure, axes = plt.subplots(1, 2, figsize=(6.6, 0.19 * len(results.rows) + 1.2), sharey=True)
    places = -np.arange(len(results.rows))
    for axis, (quantity, axis_label) in zip(axes, QUANTITIES.items(), strict=True):
        names = [_metric(source, quantity) for source in SOURCES]
        means = np.array([[results.values(name, row)["value"].mean() for row in results.rows] for name in names])
        low, high = _limits(means)
        shown = np.clip(means, low, high)
        axis.hlines(places, shown.min(0), shown.max(0), color="0.7", lw=1)
        for number, (label, marker) in enumerate(zip(SOURCES.values(), MARKERS, strict=True)):
            inside, color = means[number] <= high, f"C{number}"
            axis.plot(means[number, inside], places[inside], marker, ms=4, color=color, label=label)
            outside = means[number] > high
            axis.plot(shown[number, outside], places[outside], ">", ms=4, mfc="white", color=color)
        axis.set_xlabel(axis_label)
        axis.grid(axis="y", lw=0.3)
    axes[0].set_yticks(places, results.rows)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    return figure, render_caption("statistics_effect", results)


def table(results: Results) -> pd.DataFrame:
    """Show both quantities of every row with statistics from each source, and what the source changes.

    Args:
        results: Results of the experiment.

    Returns:
        A table of text: 'Quantity', 'Method', the mean ± standard deviation over seeds for each source, and the
        difference of the first and the last source between the same runs, see `comparisons.summarise`. Without rows, if
        the experiment does not have the metric `statistics_effect`.
    """
    lines = []
    for quantity, label in QUANTITIES.items():
        names = {_metric(source, quantity): heading for source, heading in SOURCES.items()}
        text = cells(results.metrics, {name: {} for name in names})
        for row in results.rows:
            as_left, retain = (
                results.values(_metric(source, quantity), row).set_index("seed")["value"]
                for source in ("as_left", "retain")
            )
            differences = (as_left - retain).dropna().to_numpy()
            if len(differences):
                shown = text.loc[row, list(names)].rename(names)
                lines.append({"Quantity": label, "Method": row, **shown, DIFFERENCE: summarise(differences)})
    return pd.DataFrame(lines)


def _metric(source: str, quantity: str) -> str:
    return f"running_statistics_{source}_{quantity}"


def _limits(means: np.ndarray) -> tuple[float, float]:
    """The lowest mean, and an upper limit that leaves rows that were ruined outside.

    Args:
        means: (S, R) of S sources and R rows; NaN where there is none.

    Returns:
        Lower and upper limit.
    """
    finite = means[np.isfinite(means)]
    if not len(finite):
        return 0.0, 1.0
    low, middle = finite.min(), np.median(finite)
    return low, low + 4 * (middle - low) if middle > low else finite.max()

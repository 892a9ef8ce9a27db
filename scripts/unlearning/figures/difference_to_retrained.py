"""How far each method's completions are from the completions of a model that never saw the images to forget."""

import matplotlib.pyplot as plt

from unlearning.data.forget_set import GROUPS
from unlearning.reporting.captions import render_caption
from unlearning.reporting.plotting import REFERENCE_COLORS, colors, markers
from unlearning.reporting.results import Results

MODELS = "completing"
NEEDS = {
    "evaluation.metrics": {"contains": {"enum": ["distance_to_retrained"]}},
    "seeds": {"minItems": 3},  # of two, each would be compared with the other, and the band have no width
}
NEEDS_RETRAINED = True
METRIC = "distance_to_retrained"


def draw(results: Results) -> tuple[plt.Figure, str]:
    """Draw a panel per group of held-out images, with a row per model and a band for the retrained models.

    Args:
        results: Results of the experiment.

    Returns:
        The figure and its caption.
    """
    rows = {method: -row for row, method in enumerate(["original", *results.methods])}
    figure, axes = plt.subplots(
        1, 2, figsize=(6.6, 0.19 * len(rows) + 1), sharex=True, sharey=True, gridspec_kw={"wspace": 0.06}
    )
    for axis, group in zip(axes, ("heldout_retain", "heldout_forget"), strict=True):
        _draw_panel(axis, results, f"{METRIC}_{group}", rows)
        axis.set_title(GROUPS[group], fontsize="medium")
    axes[0].set_xlim(left=0)
    description = results.descriptions_by_group[METRIC]
    figure.supxlabel(description["label"])
    caption = render_caption(
        "difference_to_retrained", results, label=description["label"], description=description["description"]
    )
    return figure, caption


def _draw_panel(axis: plt.Axes, results: Results, metric: str, rows: dict[str, int]) -> None:
    """Draw single seeds as ticks, their mean as a marker, and the range of the retrained models as a band."""
    retrained = results.values(metric, "retrain")["value"]
    axis.axvspan(retrained.min(), retrained.max(), color="0.8", lw=0)
    axis.axvline(retrained.mean(), color=REFERENCE_COLORS["retrain"], lw=0.8)
    for method, row in rows.items():
        values, color = results.values(metric, method)["value"], colors(results.methods)[method]
        if values.empty:
            axis.text(retrained.max(), row, f" {results.why_empty(method)}", va="center", fontsize="small", color=color)
        axis.plot(values, [row] * len(values), "|", color=color, ms=6)
        axis.plot(values.mean(), row, markers(results.methods).get(method, "X"), color=color, ms=5)
    axis.set_yticks(list(rows.values()), list(rows))
    axis.grid(axis="y", lw=0.3)

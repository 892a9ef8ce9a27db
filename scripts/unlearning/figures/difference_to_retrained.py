"""How far each method's completions are from those of a model that never saw what is to be forgotten."""

import matplotlib.pyplot as plt

from unlearning.data.forget_set import GROUPS
from unlearning.reporting.plotting import REFERENCE_COLORS, colors, markers
from unlearning.reporting.results import Results

MODELS = "completing"
NEEDS = {
    "evaluation.metrics": {"contains": {"enum": ["distance_to_retrained"]}},
    "seeds": {"minItems": 3},  # of two, each would be compared with the other, and the band have no width
}


def draw(results: Results) -> tuple[plt.Figure, str]:
    """A panel per group of held-out images, a row per model: seeds and mean; the band: the retrained models' range."""
    metrics = {f"distance_to_retrained_{side}": side for side in ("heldout_retain", "heldout_forget")}
    rows = {method: -row for row, method in enumerate(["original", *results.methods])}
    figure, axes = plt.subplots(
        1, 2, figsize=(6.6, 0.19 * len(rows) + 1), sharex=True, sharey=True, gridspec_kw={"wspace": 0.06}
    )
    for axis, (metric, side) in zip(axes, metrics.items(), strict=True):
        floor = results.values(metric, "retrain")["value"]
        axis.axvspan(floor.min(), floor.max(), color="0.8", lw=0)
        axis.axvline(floor.mean(), color=REFERENCE_COLORS["retrain"], lw=0.8)
        for method, row in rows.items():
            values, color = results.values(metric, method)["value"], colors(results.methods)[method]
            if values.empty:
                axis.text(floor.max(), row, " diverged", va="center", fontsize="small", color=color)
            axis.plot(values, [row] * len(values), "|", color=color, ms=6)
            axis.plot(values.mean(), row, markers(results.methods).get(method, "X"), color=color, ms=5)
        axis.set_title(GROUPS[side], fontsize="medium")
        axis.set_yticks(list(rows.values()), list(rows))
        axis.grid(axis="y", lw=0.3)
    axes[0].set_xlim(left=0)
    described = results.described[next(iter(metrics))]
    what = described["description"].rpartition(", ")[0]  # without the group
    label = results.by_group["distance_to_retrained"]
    figure.supxlabel(label)
    caption = (
        f"{label}: {what}, on held-out images; ticks: single seeds, marker: their mean. Grey band and black line: "
        "range and mean between retrained models of different seeds; a method within the band is as close to a "
        f"retrained model as those are to each other. {results.diverged()}{results.conditions()}"
    )
    return figure, caption

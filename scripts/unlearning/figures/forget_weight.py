"""What the weight α of the forget term does: rows that differ in it alone."""

import matplotlib.pyplot as plt

from unlearning.config.experiment import REFERENCES, rows_alike_but_for
from unlearning.data.forget_set import GROUPS
from unlearning.reporting.plotting import colors, markers, over_seeds, reference_bands
from unlearning.reporting.results import Results, with_unit

MODELS = "completing"
NEEDS = {
    "evaluation.metrics": {
        "contains": {
            "enum": ["completion_fid", "embedding_cosine", "recognised", "hole_error", "distance_to_retrained"]
        }
    }
}
SWEPT = ("forget_weight",)
METRICS = ("completion_fid", "embedding_cosine", "recognised", "hole_rmse", "distance_to_retrained")
SIDES = ("heldout_retain", "heldout_forget")


def draw(results: Results) -> tuple[plt.Figure, str]:
    """A row per group of held-out images, a column per metric: mean and range over seeds, a line per sweep."""
    swept = sweeps(results.experiment)
    metrics = [metric for metric in METRICS if metric in results.by_group]
    weights = sorted({weight for rows in swept.values() for weight in rows.values()})
    figure, axes = plt.subplots(
        len(SIDES),
        len(metrics),
        figsize=(2.3 * len(metrics) + 0.5, 4.2),
        sharex=True,
        sharey="col",
        squeeze=False,
    )
    for row, side in enumerate(SIDES):
        for axis, metric in zip(axes[row], metrics, strict=True):
            name = f"{metric}_{side}"
            reference_bands(axis, {each: results.values(name, each)["value"] for each in REFERENCES})
            for first, rows in swept.items():
                over_seeds(
                    axis,
                    list(rows.values()),
                    [results.values(name, each) for each in rows],
                    color=colors(results.methods)[first],
                    marker=markers(results.methods)[first],
                    label=first,
                )
            if row == 0:
                axis.set_title(with_unit(results.by_group[metric], results.described[name]["unit"]), fontsize="medium")
            smallest = min(filter(None, weights))
            axis.set_xscale("symlog", linthresh=smallest) if 0 in weights else axis.set_xscale("log")
            axis.set_xticks(weights, [f"{weight:g}" for weight in weights])
            axis.minorticks_off()
        axes[row, 0].set_ylabel(GROUPS[side])
    figure.supxlabel("weight α of the forget term")
    handles = [axis.get_legend_handles_labels() for axis in axes.flat]
    legend = {label: handle for each in handles for handle, label in zip(*each, strict=True)}
    figure.legend(legend.values(), legend, loc="outside upper center", ncols=min(4, len(legend)), frameon=False)
    named = "; ".join(f"{first}: {', '.join(rows)}" for first, rows in swept.items())
    caption = (
        "Metrics of completed held-out images against the weight α of the forget term, all other settings alike: mean "
        f"and range over seeds. Rows by line: {named}. Lines across and bands: mean and range of the original (dotted, "
        f"grey) and the retrained models (black). {results.diverged()}{results.conditions()}"
    )
    return figure, caption


def sweeps(experiment: dict) -> dict[str, dict[str, float]]:
    """The weight of each row, from the lowest on, by the name of the first row of its sweep."""
    found = {}
    for rows in rows_alike_but_for(experiment, SWEPT):
        weights = {row: values["forget_weight"] for row, values in rows.items()}
        found[next(iter(rows))] = dict(sorted(weights.items(), key=lambda each: each[1]))
    return found

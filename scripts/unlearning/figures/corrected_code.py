"""What the UNO authors logged with corrected code, beside our runs by the same criterion."""

import matplotlib.pyplot as plt
import pandas as pd

from unlearning.config.protocol import PUBLISHED_LATENTS
from unlearning.reporting.captions import render_caption
from unlearning.reporting.plotting import colors, grid
from unlearning.reporting.results import Results
from unlearning.reporting.rows import rows

TABLE = "uno-corrected"
NEEDS = {
    "published": {"required": ["corrected"], "properties": {"corrected": {"enum": ["uno-corrected"]}}},
    "guide": {},
    "evaluation.threshold": {},
}
# Rows without the classifier term, and below each the same method with this term.
SHOWN = (
    ("finetune", "surgery_retain", "uno", "uno_s"),
    ("histogram", "surgery_retain_histogram", "uno_histogram", "uno_s_histogram"),
)
SHUFFLED = "shuffled batches"  # part of the label of a quantity


def draw(results: Results) -> tuple[plt.Figure, str]:
    """Draw a panel per row: our published criterion against the step, and what the authors' log of it says.

    Args:
        results: Results of the experiment.

    Returns:
        The figure and its caption.
    """
    threshold = 100 * results.experiment["evaluation"]["threshold"]
    verdicts = results.verdicts()
    logged = verdicts[verdicts["table"] == TABLE]
    counts = results.trajectory("steps.csv", "published_forgotten").dropna()
    counts["percent"] = 100 / PUBLISHED_LATENTS * counts["published_forgotten"]
    names = {row.key: row.name for row in rows(results.experiment)}
    figure, axes = grid(8, 4, (1.75, 1.9), sharex=True, sharey=True)
    for key, axis in zip([key for line in SHOWN for key in line], axes, strict=True):
        logs = logged[logged["Method"] == key]
        axis.set_title("\n".join([names.get(key, f"{key}: not run here"), _describe(logs)]), fontsize="x-small")
        runs = counts[counts["method"] == key]
        color = colors(results.methods).get(key, "0.5")
        for _, run in runs.groupby("seed"):
            axis.plot(run["step"], run["percent"], color=color, lw=0.6, alpha=0.6)
        mean = runs.groupby("step")["percent"].mean()
        axis.plot(mean.index, mean, color=color, lw=1.6)
        axis.axhline(threshold, color="black", lw=0.8, ls="--")
        for _, log in logs.iterrows():
            _draw_log(axis, log, threshold)
        axis.set_xscale("symlog", linthresh=10)
        axis.set_xlim(0, results.experiment["unlearning"]["steps"])
        axis.set_ylim(bottom=0)
    figure.supxlabel("step")
    figure.supylabel("forget fraction, as published (%)")
    caption = render_caption("corrected_code", results, threshold=f"{threshold:g}", latents=PUBLISHED_LATENTS)
    return figure, caption


def _crossed(log: pd.Series) -> bool:
    """Whether a logged run crossed the threshold: a run that never crosses counts with its last step."""
    return not log["published_mean"] >= log["logged_steps"]


def _describe(logs: pd.DataFrame) -> str:
    """Say in two short lines what the logs of a row say."""
    lines = []
    for _, log in logs.iterrows():
        of = "" if pd.isna(log["logged_steps"]) else f" of {log['logged_steps']:.0f}"
        text = f"below at {log['published_mean']:.0f}{of}" if _crossed(log) else f"never in{of.removeprefix(' of')}"
        if log["above_again"] > 0:
            text += f", above at {log['above_again']:.0f}"
        lines.append(f"{'shuffled' if SHUFFLED in log['Quantity'] else 'log'}: {text}")
    return "\n".join([*(lines or ["no log"]), ""][:2])


def _draw_log(axis: plt.Axes, log: pd.Series, threshold: float) -> None:
    """Mark where a logged run ends, where it first crosses, and where it is above the threshold again."""
    style = {"color": "0.45" if SHUFFLED in log["Quantity"] else "black", "zorder": 3}
    axis.axvline(log["logged_steps"], lw=0.7, ls=":", **style)
    if _crossed(log):
        axis.plot(log["published_mean"], threshold, marker="D", ms=4.5, ls="", **style)
    axis.plot(log["above_again"], threshold, marker="^", ms=5.5, mfc="white", ls="", **style)

"""The main table as people read it: panels of a few columns by theme, rows by group, and the best values marked."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from unlearning.evaluation.description import PANELS
from unlearning.plugins.describe import plugin_constant
from unlearning.reporting.results import Results, label_with_unit
from unlearning.reporting.rows import Row, rows
from unlearning.reporting.significance import LEVEL, kaplan_meier_median
from unlearning.reporting.summary import cells, table_metrics
from unlearning.reporting.tables import Shown

MOST = 5  # metrics in a panel: with the names of the rows, six columns
BEST, WITHIN_NOISE = "best", "within_noise"
COLUMNS = ["group", "row", "method", "metric", "column", "value", "mark"]


@dataclass(frozen=True)
class Panel:
    """Some metrics of all rows of an experiment.

    Attributes:
        key: Key of `PANELS`.
        table: One line for each cell, row by row, in the order of the table: `group`, a key of `rows.GROUPS`; `row`,
            the name in the configuration; `method`, the name that readers see; `metric`; `column`, the header;
            `value`, the text of the cell; `mark`, '', 'best' or 'within_noise', see `marks`.

    Example:
        >>> panel = Panel.read(Path("docs/results/digits/panels/forgetting.csv"))
        >>> print(panel.title, to_markdown(panel.shown))
    """

    key: str
    table: pd.DataFrame

    @property
    def title(self) -> str:
        """The title that readers see."""
        return PANELS[self.key]

    @property
    def shown(self) -> Shown:
        """The panel as a table of text, with ≈ before the values within noise of the retrained models'."""
        within = (self.table["mark"] == WITHIN_NOISE).map({True: "≈ ", False: ""})
        wide = self.table.assign(text=within + self.table["value"], best=self.table["mark"] == BEST)
        text, best = (
            wide.pivot(index="method", columns="column", values=values).reindex(
                index=wide["method"].unique(), columns=wide["column"].unique()
            )
            for values in ("text", "best")
        )
        groups = wide.drop_duplicates("method")["group"].tolist()
        return Shown(text.rename_axis(index="Method", columns=None), self.title, best, groups)

    def write(self, path: Path) -> None:
        """Write the panel as CSV."""
        self.table.to_csv(path, index=False)

    @classmethod
    def read(cls, path: Path) -> "Panel":
        """Read a panel that `write` wrote to `{key}.csv`."""
        return cls(path.stem, pd.read_csv(path, dtype=str, keep_default_na=False))


def panels(results: Results) -> list[Panel]:
    """Make the panels of an experiment, in the order of `PANELS`. A panel without any value is left out."""
    descriptions = panel_metrics(results)
    text = cells(results.metrics, descriptions)
    marked = {metric: marks(results, metric, description) for metric, description in descriptions.items()}
    listed = [row for row in rows(results.experiment) if row.key in text.index]
    made = []
    for key in PANELS:
        metrics = {metric: entry for metric, entry in descriptions.items() if entry["panel"] == key}
        table = pd.DataFrame(
            [
                _line(row, metric, entry, text.loc[row.key, metric], marked[metric].get(row.key, ""))
                for row in listed
                for metric, entry in metrics.items()
            ],
            columns=COLUMNS,
        )
        if (table["value"] != "–").any():
            made.append(Panel(key, table))
    return made


def panel_metrics(results: Results) -> dict[str, dict]:
    """The descriptions of the metrics in panels: of each panel the first `MOST`, in the order of the configuration."""
    chosen, counts = {}, dict.fromkeys(PANELS, 0)
    for metric, entry in table_metrics(results).items():
        if entry["panel"] and counts[entry["panel"]] < MOST:
            counts[entry["panel"]] += 1
            chosen[metric] = entry
    return chosen


def _line(row: Row, metric: str, description: dict, value: str, mark: str) -> tuple[str, ...]:
    return row.group, row.key, row.name, metric, label_with_unit(description), value, mark


def marks(results: Results, metric: str, description: dict) -> dict[str, str]:
    """Mark the methods of a column.

    Only methods all of whose runs finished are marked. Where a metric declares that lower or higher values are better,
    the lowest or highest mean is the best; of times to an event, the earliest Kaplan–Meier median that half of the runs
    reached. A mean of which some values are only bounds is not marked.

    Where the retrained models are the goal, a method is *within noise* if its mean differs from theirs by no more than
    the means of two groups of retrained models would in 95 % of cases: t s √(1/n + 1/m), with the standard deviation s
    of the n retrained models, m runs of the method, and Student's t with n - 1 degrees of freedom. Such methods have
    reached the goal and are not ranked. Only where no method has reached it, the closest is the best.

    Args:
        results: Results of the experiment.
        metric: Name of the metric.
        description: Its description.

    Returns:
        `BEST` or `WITHIN_NOISE` of the rows that have a mark.
    """
    means = {row: mean for row in results.methods if (mean := _mean(results, metric, row, description)) is not None}
    if direction := description.get("better"):
        sign = 1 if direction == "lower" else -1
        losses, within = {row: sign * mean for row, mean in means.items()}, set()
    elif description.get("normalised") and len(goal := results.values(metric, "retrain")["value"].to_numpy()) > 1:
        losses = {row: abs(mean - goal.mean()) for row, mean in means.items()}
        within = {row for row, loss in losses.items() if loss <= _noise(goal, len(results.values(metric, row)))}
    else:
        return {}
    best = min(losses.values(), default=None)
    if within:
        return dict.fromkeys(within, WITHIN_NOISE)
    return {row: BEST for row, loss in losses.items() if loss == best}


def _mean(results: Results, metric: str, row: str, description: dict) -> float | None:
    """The value by which a method is compared with others; None if it is not compared."""
    runs = results.values(metric, row)
    if len(runs) < len(results.experiment["seeds"]) or (runs["status"] != "finished").any():
        return None
    values, censored = runs["value"].to_numpy(float), runs["censored"].to_numpy(bool)
    if description.get("event"):
        median, reached = kaplan_meier_median(values, censored)
        return median if reached else None
    return float(values.mean()) if np.isfinite(values).all() and not censored.any() else None


def _noise(goal: np.ndarray, runs: int) -> float:
    """The difference that the mean of so many further retrained models has from the mean of these in 95 % of cases."""
    from scipy.stats import t

    return float(t.isf(LEVEL / 2, len(goal) - 1) * goal.std(ddof=1) * np.sqrt(1 / len(goal) + 1 / runs))


def notes(results: Results) -> list[str]:
    """The sentences below the main table: on runs without values, and on metrics that no run has."""
    return [*run_notes(results), *absent_notes(results)]


def absent_notes(results: Results) -> list[str]:
    """A sentence on the metrics that compare with retrained models, if the experiment has no retrained models."""
    if "retrain" in results.rows:
        return []
    files = results.experiment["evaluation"]["metrics"]
    named = [name for file in files for name in plugin_constant("metrics", file, "NEEDS_RETRAINED", ())]
    absent = [
        label_with_unit(entry)
        for metric, entry in results.descriptions.items()
        if any(metric == name or metric.startswith(f"{name}_") for name in named)
    ]
    reason = "The experiment has no retrained models (references: [original])."
    return [f"{reason} Without them, these metrics have no value: {', '.join(absent)}." if absent else reason]


def run_notes(results: Results) -> list[str]:
    """A sentence on each row of which a run diverged or failed: how many, at which step, and where their logs lie."""
    counts = cells(results.metrics, {})["Runs"]
    listed = [row for row in rows(results.experiment) if row.key in counts and not counts[row.key].isdigit()]
    return [f"Runs of {row.name}: {counts[row.key]}." for row in listed]

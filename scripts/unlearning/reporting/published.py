"""Published numbers beside ours: which are reproduced, which are not, and why.

`published/README.md` describes the files of published numbers. Absolute times of other hardware and distances on other
features cannot be compared. Their ratios to a reference row of the same table can.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from unlearning.config.experiment import REFERENCES
from unlearning.data.description import describe_dataset
from unlearning.reporting.captions import render_caption
from unlearning.reporting.estimates import Estimate, estimate, reached
from unlearning.reporting.quantities import Quantity
from unlearning.reporting.results import Results
from unlearning.reporting.significance import kaplan_meier_median
from unlearning.runtime.failures import FAILED

LOGGED = ("logged_steps", "above_again")
# Columns of the CSV file that a program can compute with. `row`: our row that is compared. `published_value` and
# `our_value`: what the verdict compares, with half the width of its 95 % interval as error. `described_value`: value of
# the row with the method's own name, where the released code ran another row. `reference`: the row that is the unit of
# these values, if they are ratios. `published_mean`, `published_std`: as the paper gives them. `metric`: our metric of
# the quantity by the protocol of the paper. `table`: the file of the published number. `logged_steps` and
# `above_again`: as in this file, if the number is of a logged run.
NUMBERS = (
    "row",
    "published_value",
    "published_error",
    "our_value",
    "our_error",
    "described_value",
    "reference",
    "published_mean",
    "published_std",
    "metric",
    "table",
    *LOGGED,
)
COLUMNS = [
    "Method",
    "Quantity",
    "Published",
    "Ours, as published",
    "Ours, rigorous",
    "Verdict",
    "Within tolerance as well",
    "Reason",
    *NUMBERS,
]


@dataclass(frozen=True)
class Cell:
    """A published number, and the row of ours that stands for its method.

    Attributes:
        method: Method as the paper calls it, by our name.
        row: Our row that does what the released code ran under this name.
        quantity: What the number measures.
        published: The number.
        unit: The published number of the quantity's reference row; None if there is none.
        tolerances: The relative and the absolute tolerance; NaN if the number cannot be compared.
        note: Remark of the file of published numbers.
        origin: Columns of the file of published numbers that the table of verdicts repeats.
    """

    method: str
    row: str
    quantity: Quantity
    published: Estimate
    unit: Estimate | None
    tolerances: tuple[float, float]
    note: str
    origin: dict


def verdicts(results: Results, published: pd.DataFrame, quantities: dict[str, Quantity]) -> pd.DataFrame:
    """Compare our results with the published numbers of the experiment's data set.

    Args:
        results: Results of the experiment.
        published: Published numbers, see `quantities.read_published`.
        quantities: Quantities by name, see `quantities.read_quantities`.

    Returns:
        A table with `COLUMNS`, one row per published number, in the order of the file.

    Raises:
        ValueError: A quantity is not known.
    """
    published = published[published["dataset"] == results.experiment["dataset"]]
    if unknown := set(published["metric"]).difference(quantities):
        raise ValueError(f"published/*.csv: metric {', '.join(sorted(unknown))}: add it to published/quantities.yaml")
    cells = _cells(published, quantities)
    return pd.DataFrame([_verdict(results, cell) for cell in cells], columns=COLUMNS)


def _cells(published: pd.DataFrame, quantities: dict[str, Quantity]) -> list[Cell]:
    numbers = {
        (row["method"], row["metric"]): Estimate.of(row["mean"], row["std"], row["runs"], ddof=0)
        for _, row in published.iterrows()
    }
    return [
        Cell(
            method=row["method"],
            row=row["as_run"] if isinstance(row["as_run"], str) else row["method"],
            quantity=quantities[row["metric"]],
            published=numbers[row["method"], row["metric"]],
            unit=numbers.get((quantities[row["metric"]].reference, row["metric"])),
            tolerances=(row["relative_tolerance"], row["absolute_tolerance"]),
            note=row["note"],
            origin={name: row.get(name) for name in ("table", *LOGGED)},
        )
        for _, row in published.iterrows()
    ]


def _verdict(results: Results, cell: Cell) -> dict:
    """The columns of a published number in the table of verdicts."""
    quantity = cell.quantity
    ours = estimate(results, quantity.as_published, cell.row)
    rigorous = estimate(results, quantity.rigorous, cell.row, quantity.scale)
    columns = {
        "Method": cell.method,
        "Quantity": quantity.label,
        "Published": "–" if np.isnan(cell.published.mean) else str(cell.published),
        "Ours, as published": _text(results, quantity.as_published, cell.row, ours),
        "Ours, rigorous": _text(results, quantity.rigorous, cell.row, rigorous),
        "Within tolerance as well": "",
        "row": cell.row,
        "reference": quantity.reference,
        "published_mean": cell.published.mean,
        "published_std": cell.published.std,
        "metric": quantity.as_published,
        **cell.origin,
    }
    if obstacle := _obstacle(results, cell, ours):
        return columns | {"Verdict": "not comparable", "Reason": obstacle}
    published, compared = cell.published, _our_value(results, cell, cell.row)
    if quantity.reference:
        published = published.over(cell.unit)
        columns["Published"] += f" ({published.mean:.3g} × {quantity.reference})"
        columns["Ours, as published"] += f" ({compared.mean:.3g} × {quantity.reference})"
    return columns | _comparison(results, cell, published, compared)


def _obstacle(results: Results, cell: Cell, ours: Estimate | None) -> str:
    """Say why a published number cannot be compared with ours.

    Args:
        results: Results of the experiment.
        cell: The published number.
        ours: Our as-published value.

    Returns:
        The reason; '' if the numbers can be compared.
    """
    quantity = cell.quantity
    if np.isnan(cell.published.mean):
        return f"published value not available: {cell.note}"
    if np.isnan(cell.tolerances[0]):
        return cell.note
    if cell.row not in results.rows:
        missing = "such row" if cell.row == cell.method else f"{cell.row}, which the released code ran under this name"
        return f"this experiment has no {missing}"
    if ours is None:
        return f"no run of ours has the value: {_missing_values(results, cell.row)}"
    if not np.isfinite(ours.mean):
        return "infinite in a run"
    if quantity.reference == cell.method:
        return "other hardware or features; the unit of this quantity's ratios"
    if estimate(results, quantity.compared, cell.row) is None:
        return "no run of ours is long enough to be timed beside a plain retain step"
    if quantity.reference and (cell.unit is None or estimate(results, quantity.compared, quantity.reference) is None):
        return f"other hardware or features, and no row {quantity.reference} to divide by"
    return ""


def _our_value(results: Results, cell: Cell, row: str) -> Estimate | None:
    """What a verdict compares of one of our rows: a ratio to the reference row, if the quantity has one."""
    value = estimate(results, cell.quantity.compared, row)
    if value is None or not cell.quantity.reference:
        return value
    return value.over(estimate(results, cell.quantity.compared, cell.quantity.reference))


def _comparison(results: Results, cell: Cell, published: Estimate, ours: Estimate) -> dict:
    """Compare two values that can be compared.

    Args:
        results: Results of the experiment.
        cell: The published number.
        published: The published value, a ratio if the quantity has a reference row.
        ours: Our value, likewise.

    Returns:
        Further columns of the row of the table.
    """
    verdict, reason = verdict_on(published, ours, *cell.tolerances)
    columns = {
        "published_value": published.mean,
        "published_error": published.margin,
        "our_value": ours.mean,
        "our_error": ours.margin,
    }
    if cell.row != cell.method:
        reason += f"; ours is {cell.row}, which the released code ran under this name"
        value = _our_value(results, cell, cell.method)
        if value is not None:
            reason += f": {cell.method} as described gives {value.mean:.3g}"
            columns["described_value"] = value.mean
    seeds = len(results.experiment["seeds"])
    if missing := seeds - len(results.values(cell.quantity.compared, cell.row)):
        reason += f"; {missing} of {seeds} runs have no value: {_missing_values(results, cell.row)}"
    if verdict == "reproduced":
        columns["Within tolerance as well"] = ", ".join(_other_rows_within(results, cell, published))
    return columns | {"Verdict": verdict, "Reason": reason}


def _other_rows_within(results: Results, cell: Cell, published: Estimate) -> list[str]:
    """References and baselines that reproduce a number, too: then the number says little about the method."""
    values = {row: _our_value(results, cell, row) for row in [*REFERENCES, *results.baselines] if row != cell.row}
    return [
        row
        for row, value in values.items()
        if value is not None and verdict_on(published, value, *cell.tolerances)[0] == "reproduced"
    ]


def verdict_on(published: Estimate, ours: Estimate, relative: float, absolute: float) -> tuple[str, str]:
    """Decide whether our mean reproduces a published mean.

    The allowed difference is the tolerance plus the margin of the published value, half the width of its 95 % interval.
    The verdict is 'not comparable' if our own margin is so large that chance could decide. The verdict is the same for
    a single run, and for a bound if the true value may lie inside or outside the allowed range.

    Args:
        published: The published mean.
        ours: Our mean.
        relative: Tolerance as a share of the published mean.
        absolute: Tolerance in the unit of the means, which is added.

    Returns:
        The verdict and its reason.
    """
    allowed = relative * abs(published.mean) + absolute + published.margin
    difference, noise = abs(ours.mean - published.mean), ours.margin
    reason = f"differs by {ours.mean - published.mean:+.2g}, allowed ± {allowed:.2g}"
    if ours.runs < 2:
        advice = "but one run alone does not show how far runs scatter: more seeds are needed"
        return "not comparable", f"{reason}, {advice}"
    could_be_lower = ours.at_most and ours.mean + noise >= published.mean - allowed
    could_be_higher = ours.at_least and ours.mean - noise <= published.mean + allowed
    if could_be_higher or could_be_lower:
        return "not comparable", f"{reason}, but ours is only a bound: more steps are needed"
    if difference - noise > allowed:
        return "not reproduced", reason
    if difference <= allowed and noise <= allowed:
        return "reproduced", reason
    return "not comparable", f"{reason}, but our mean is known to ± {noise:.2g} only: more seeds are needed"


def _text(results: Results, metric: str, method: str, mean: Estimate | None) -> str:
    """Text of our value: a mean, or the Kaplan–Meier median of times to an event."""
    if mean is None:
        return "–"
    values = results.values(metric, method)
    censored = values["censored"].to_numpy(bool)
    if not results.descriptions[metric].get("event"):
        return f"{mean} ({reached(values)})" if censored.any() else str(mean)
    median, reached_by_half = kaplan_meier_median(values["value"].to_numpy(float), censored)
    return f"{'' if reached_by_half else '> '}{median:.3g} ({reached(values)})"


def _missing_values(results: Results, method: str) -> str:
    """Why runs of a row have no value."""
    statuses = results.runs.loc[results.runs["method"] == method, "status"]
    counts = [(status, (statuses == status).sum()) for status in ("diverged", FAILED)]
    reasons = [f"{count} of {len(statuses)} runs {status}" for status, count in counts if count]
    return ", ".join(reasons) or "not measured"


def caption(results: Results) -> str:
    """Write the caption of the table of verdicts."""
    return render_caption(
        "verdicts",
        results,
        reduced=results.experiment["published"]["settings"] == "reduced",
        differences=describe_dataset(results.experiment["dataset"]).get("differences", ""),
    )

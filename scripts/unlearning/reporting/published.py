"""Published numbers beside ours: what is reproduced, what is not, and why.

The file of published numbers is described in published/README.md. Absolute times of other hardware and
distances on other features cannot be compared; their ratios to a reference row of the same table can.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from unlearning.data.description import describe_dataset
from unlearning.reporting.results import Results
from unlearning.reporting.significance import kaplan_meier_median

# What the verdict compares, ratios where it compares them, with two standard errors; empty where it compares nothing.
# row: of ours; described_value: of the row of the method's own name, where the released code ran another one.
NUMBERS = ("row", "published_value", "published_error", "our_value", "our_error", "described_value")
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
YARDSTICKS = ("original", "retrain", "finetune")  # a number that they give too says little about a method


@dataclass(frozen=True)
class Quantity:
    """How a published quantity is called here.

    label: for the table. as_published, rigorous: names of metrics. scale: of the rigorous one, to the
    published unit. reference: row to which both tables' values are set in ratio; '' for none. ratios:
    metric from which our ratios are taken, where that is another one than as_published.
    """

    label: str
    as_published: str
    rigorous: str
    scale: float = 1
    reference: str = ""
    ratios: str = ""

    @property
    def compared(self) -> str:
        """The metric that decides."""
        return self.ratios or self.as_published


QUANTITIES = {
    "steps_to_unlearn": Quantity("steps to unlearn", "published_steps", "sustained_crossing_steps"),
    "time_to_unlearn": Quantity(
        "time to unlearn (s)",
        "published_seconds",
        "sustained_crossing_seconds",
        reference="surgery_retain",
        ratios="published_relative_time",
    ),
    "time_per_step": Quantity(
        "time per step (ms)", "ms_per_step", "ms_per_step", reference="surgery_retain", ratios="step_time_ratio"
    ),
    "five_step_forget_fraction": Quantity(
        "forget fraction after 5 steps", "published_five_step_forget_fraction", "five_step_forget_fraction", 0.01
    ),
    "fid": Quantity("FID", "published_fid", "fid_retain", reference="original"),
    **{
        f"{metric}_{group}": Quantity(f"{label}, {group} images", *[f"{metric}_heldout_{group}"] * 2)
        for metric, label in (
            ("completion_fid", "FID"),
            ("completion_inception_score", "IS"),
            ("embedding_cosine", "cosine"),
        )
        for group in ("retain", "forget")
    },
}


@dataclass(frozen=True)
class Estimate:
    """A mean over runs.

    std: of one run; NaN where not known. runs: how many; NaN where not known. squared_error: of the mean; 0 where
    not known. at_least, at_most: whether a run that was censored makes the mean a lower or an upper bound.
    """

    mean: float
    std: float
    runs: float
    squared_error: float
    at_least: bool = False
    at_most: bool = False

    @classmethod
    def of(cls, mean: float, std: float, runs: float, at_least: bool = False) -> "Estimate":
        """The mean of independent runs."""
        return cls(mean, std, runs, float(np.nan_to_num(std**2 / runs)), at_least)

    def over(self, reference: "Estimate") -> "Estimate":
        """In units of another mean, whose error and bounds count as well (to first order)."""
        ratio = self.mean / reference.mean
        squared_error = (self.squared_error + ratio**2 * reference.squared_error) / reference.mean**2
        std = self.std / abs(reference.mean)
        runs = np.fmin(self.runs, reference.runs)
        return Estimate(ratio, std, runs, squared_error, self.at_least, reference.at_least)

    def __str__(self) -> str:
        spread = "" if np.isnan(self.std) else f" ± {self.std:.2g}"
        return f"{self.mean:.3g}{spread}"


def verdicts(results: Results, published: pd.DataFrame) -> pd.DataFrame:
    """One row per published cell of the experiment's data set, in the order of the file, with `COLUMNS`."""
    published = published[published["dataset"] == results.experiment["dataset"]]
    table = {
        (row["method"], row["metric"]): Estimate.of(row["mean"], row["std"], row["runs"])
        for _, row in published.iterrows()
    }
    return pd.DataFrame([_verdict(results, table, row) for _, row in published.iterrows()], columns=COLUMNS)


def _verdict(results: Results, table: dict, row: pd.Series) -> dict:
    method, quantity = row["method"], QUANTITIES[row["metric"]]
    # What made the number: the row that does what the released code ran under the method's name.
    ran = row["as_run"] if isinstance(row["as_run"], str) else method
    theirs, ours = table[method, row["metric"]], estimate(results, quantity.as_published, ran)
    rigorous = estimate(results, quantity.rigorous, ran, quantity.scale)
    shown = {
        "Method": method,
        "Quantity": quantity.label,
        "Published": str(theirs),
        "Ours, as published": _text(results, quantity.as_published, ran, ours),
        "Ours, rigorous": _text(results, quantity.rigorous, ran, rigorous),
        "Within tolerance as well": "",
        "row": ran,
    }
    if np.isnan(theirs.mean):
        reason = f"published value not available: {row['note']}"
        return shown | {"Published": "–", "Verdict": "not comparable", "Reason": reason}
    if np.isnan(row["relative_tolerance"]):
        return shown | {"Verdict": "not comparable", "Reason": row["note"]}
    if ran not in results.rows:
        which = f"{ran}, which the released code ran under this name" if ran != method else "such row"
        return shown | {"Verdict": "not comparable", "Reason": f"this experiment has no {which}"}
    if ours is None or not np.isfinite(ours.mean):
        reason = f"no run of ours has the value: {_status(results, ran)}" if ours is None else "infinite in a run"
        return shown | {"Verdict": "not comparable", "Reason": reason}
    if quantity.reference == method:
        reason = "other hardware or features; the unit of this quantity's ratios"
        return shown | {"Verdict": "not comparable", "Reason": reason}
    compared = estimate(results, quantity.compared, ran)
    if compared is None:
        reason = "no run of ours is long enough to be timed beside a plain retain step"
        return shown | {"Verdict": "not comparable", "Reason": reason}
    our_base = None
    if quantity.reference:
        base = table.get((quantity.reference, row["metric"]))
        our_base = estimate(results, quantity.compared, quantity.reference)
        if base is None or our_base is None:
            reason = f"other hardware or features, and no row {quantity.reference} to set in ratio with"
            return shown | {"Verdict": "not comparable", "Reason": reason}
        theirs, compared = theirs.over(base), compared.over(our_base)
        shown["Published"] += f" ({theirs.mean:.3g} × {quantity.reference})"
        shown["Ours, as published"] += f" ({compared.mean:.3g} × {quantity.reference})"
    for name, value in (("published", theirs), ("our", compared)):
        shown |= {f"{name}_value": value.mean, f"{name}_error": 2 * np.sqrt(value.squared_error)}
    tolerances = row["relative_tolerance"], row["absolute_tolerance"]
    verdict, reason = verdict_on(theirs, compared, *tolerances)
    if ran != method:
        reason += f"; ours is {ran}, which the released code ran under this name"
        if as_described := estimate(results, quantity.compared, method):
            as_described = as_described.over(our_base) if our_base else as_described
            reason += f": {method} as described gives {as_described.mean:.3g}"
            shown["described_value"] = as_described.mean
    if lost := len(results.experiment["seeds"]) - len(results.values(quantity.compared, ran)):
        reason += f"; {lost} of {len(results.experiment['seeds'])} runs have no value: {_status(results, ran)}"
    if verdict == "reproduced":
        others = {other: estimate(results, quantity.compared, other) for other in YARDSTICKS if other != ran}
        shown["Within tolerance as well"] = ", ".join(
            other
            for other, value in others.items()
            if value and verdict_on(theirs, value.over(our_base) if our_base else value, *tolerances)[0] == "reproduced"
        )
    return shown | {"Verdict": verdict, "Reason": reason}


def verdict_on(theirs: Estimate, ours: Estimate, relative: float, absolute: float) -> tuple[str, str]:
    """Verdict on two means, and its reason.

    Allowed is the tolerance plus two standard errors of the published value. A difference that lies
    beyond that only by chance, or within it by chance, because our own runs scatter, decides nothing;
    nor does one run, whose scatter is not known, or a bound that the other side may lie beyond.
    """
    allowed = relative * abs(theirs.mean) + absolute + 2 * np.sqrt(theirs.squared_error)
    difference, noise = abs(ours.mean - theirs.mean), 2 * np.sqrt(ours.squared_error)
    reason = f"differs by {ours.mean - theirs.mean:+.2g}, allowed ± {allowed:.2g}"
    if ours.runs < 2:
        return (
            "not comparable",
            f"{reason}, but one run alone does not show how far runs scatter: more seeds are needed",
        )
    if (ours.at_least and ours.mean - noise <= theirs.mean + allowed) or (
        ours.at_most and ours.mean + noise >= theirs.mean - allowed
    ):
        return "not comparable", f"{reason}, but ours is only a bound: more steps are needed"
    if difference - noise > allowed:
        return "not reproduced", reason
    if difference <= allowed and noise <= allowed:
        return "reproduced", reason
    return "not comparable", f"{reason}, but our runs scatter by ± {noise:.2g}: more seeds are needed"


def estimate(results: Results, metric: str, method: str, scale: float = 1) -> Estimate | None:
    """Mean and standard deviation of a metric over the seeds; None where no run has it."""
    runs = results.values(metric, method)
    values = scale * runs["value"].to_numpy(float)
    if not len(values):
        return None
    std = values.std(ddof=1) if len(values) > 1 else np.nan
    return Estimate.of(values.mean(), std, len(values), bool(runs["censored"].any()))


def _text(results: Results, metric: str, method: str, mean: Estimate | None) -> str:
    if mean is None:
        return "–"
    values = results.values(metric, method)
    censored = values["censored"].to_numpy(bool)
    if not results.described[metric].get("event"):
        return f"{mean} ({(~censored).sum()}/{len(values)})" if censored.any() else str(mean)
    median, known = kaplan_meier_median(values["value"].to_numpy(float), censored)
    return f"{'' if known else '> '}{median:.3g} ({(~censored).sum()}/{len(values)})"


def _status(results: Results, method: str) -> str:
    runs = results.metrics[results.metrics["method"] == method].drop_duplicates("seed")
    diverged = (runs["status"] == "diverged").sum()
    return f"{diverged} of {len(runs)} runs diverged" if diverged else "not measured"


def caption(results: Results) -> str:
    """What the verdicts rest on."""
    reduced = results.experiment["published"]["settings"] == "reduced"
    differences = describe_dataset(results.experiment["dataset"]).get("differences")
    return (
        f"{results.conditions()} "
        + ("**The settings are smaller than the paper's: verdicts are provisional.** " if reduced else "")
        + "Published: mean ± standard deviation as printed. Ours, as published: the same protocol on our runs, bugs "
        "included where they concern measuring: a run that never crossed counts with its last step, which makes the "
        "mean a bound, and in brackets stands how many did. Ours, rigorous: crossings for good on fresh samples, as "
        "Kaplan–Meier median and how many seeds got there; the Fréchet distance to the retain data on "
        f"{results.features} features. Compared is the as-published value or, where hardware or features differ, its "
        "ratio to the named row (of times: in units of fine-tuning steps timed side by side). Reproduced: within the "
        "tolerance of published/*.csv plus two standard errors of the published value (of a ratio, of both its means); "
        "where the original, the retrained or the fine-tuned model lies within it as well, as named, that says little "
        "of the method. Where the released code ran something else under a method's name, ours is that. "
        "Not comparable: also where our own seeds scatter too much, or where a bound leaves it open."
        + (f" {differences}" if differences else "")
    )

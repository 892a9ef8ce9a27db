"""From the metrics of single runs to one tidy table and the main table of an experiment."""

import numpy as np
import pandas as pd

from unlearning.plugins.describe import completes
from unlearning.reporting.results import Results, with_unit
from unlearning.reporting.significance import kaplan_meier_median

COLUMNS = [
    "experiment",
    "method",
    "seed",
    "metric",
    "value",
    "low",
    "high",
    "censored",
    "normalised",
    "unit",
    "status",
    "last_step",
    "config_sha256",
    "commit",
    "metrics_sha256",
]


def tidy(results: list[dict], described: dict[str, dict], classes: list[str]) -> pd.DataFrame:
    """One row per experiment, method, seed and metric, in the order of the results.

    Args:
        results: contents of `metrics.json` files, each with its hash as `metrics_sha256`.
        described: label and unit of each metric, in the order of the table.
        classes: names of the classes; their shares among samples become metrics `class_share_{name}`.

    Returns:
        A table with `COLUMNS`. `value`, `low` and `high` are NaN where a run has no such metric.
    """
    rows = []
    for result in results:
        values = {name: result["metrics"][name] for name in described}
        if counts := result["class_counts"]:
            shares = 100 * np.array(counts) / sum(counts)
            values |= {f"class_share_{name}": {"value": share} for name, share in zip(classes, shares, strict=True)}
        for metric, value in values.items():
            rows.append(
                {
                    **{
                        key: result[key]
                        for key in ("experiment", "method", "seed", "status", "last_step", "metrics_sha256")
                    },
                    "metric": metric,
                    **{key: _number(value.get(key)) for key in ("value", "low", "high")},
                    "censored": value.get("censored", False),
                    "unit": described[metric]["unit"] if metric in described else "%",
                    "config_sha256": result["run"]["config_sha256"],
                    "commit": result["run"]["environment"]["commit"],
                }
            )
    table = pd.DataFrame(rows)
    table["normalised"] = normalised(table)
    return table[COLUMNS]


def normalised(table: pd.DataFrame) -> pd.Series:
    """Each value on the scale where 0 is the mean original and 1 the mean retrained model.

    NaN where the two references differ by less than the sum of their standard deviations over the
    seeds: there is no scale to speak of. NaN for metrics that the references do not have.
    """
    scale = {}
    for metric, values in table.groupby("metric"):
        original = values.loc[values["method"] == "original", "value"]
        retrain = values.loc[values["method"] == "retrain", "value"]
        distance = retrain.mean() - original.mean()
        noise = np.nansum([original.std(), retrain.std()])
        scale[metric] = (original.mean(), distance if abs(distance) > noise else np.nan)
    zero = table["metric"].map(lambda metric: scale[metric][0])
    distance = table["metric"].map(lambda metric: scale[metric][1])
    return (table["value"] - zero) / distance


def main_table(table: pd.DataFrame, described: dict[str, dict]) -> pd.DataFrame:
    """Means ± standard deviations over seeds, one row per method, as text.

    Times to an event are given as their Kaplan–Meier median over the seeds and how many of them reached
    it; a mean that rests on censored values has that number too. Runs that diverged have no samples
    to judge: the column 'Runs' counts them, and what is judged on samples is the mean over the others.
    A mean says where further runs have no value.

    Args:
        table: see `tidy`.
        described: metrics of the table, in its order.
    """
    rows = {}
    for method, runs in table.groupby("method", sort=False):
        by_seed = runs.drop_duplicates("seed")
        cells = {"Runs": _runs(by_seed)}
        for metric, description in described.items():
            values = runs[(runs["metric"] == metric) & runs["value"].notna()]
            finished = (by_seed["status"] != "diverged").sum()
            few = f" ({len(values)} of {finished} runs)" if 0 < len(values) < finished else ""
            cells[with_unit(description["label"], description["unit"])] = (
                _cell(values, description.get("event", False)) + few
            )
        rows[method] = cells
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("Method")


def _runs(by_seed: pd.DataFrame) -> str:
    diverged = by_seed[by_seed["status"] == "diverged"]
    total = len(by_seed)
    if diverged.empty:
        return str(total)
    steps = ", ".join(str(int(step)) for step in diverged["last_step"])
    return f"{total}, {len(diverged)} diverged (step {steps})"


def _cell(values: pd.DataFrame, event: bool) -> str:
    if values.empty:
        return "–"
    numbers, censored = values["value"].to_numpy(float), values["censored"].to_numpy(bool)
    reached = f" ({(~censored).sum()}/{len(numbers)})"
    if event:
        median, known = kaplan_meier_median(numbers, censored)
        shown = f"{median:.0f}" if values["unit"].iloc[0] == "steps" else _digits(median)
        return f"{'' if known else '> '}{shown}{reached}"
    mean = numbers.mean()
    spread = f" ± {_digits(numbers.std(ddof=1), like=mean)}" if len(numbers) > 1 else ""
    return _digits(mean) + spread + (reached if censored.any() else "")


def _digits(number: float, like: float | None = None) -> str:
    """Two decimals, fewer for large numbers; those of `like` where a spread stands beside its mean."""
    if not np.isfinite(number):
        return "∞" if number > 0 else str(number)
    size = abs(number if like is None or not np.isfinite(like) else like)
    if size >= 1e6:
        return f"{number:.1e}"
    return f"{number:.{2 if size < 100 else 1 if size < 1000 else 0}f}"


def _number(value: float | str | None) -> float:
    return np.nan if value is None else float(value)


def caption(results: Results, described: dict[str, dict]) -> str:
    """What the main table's numbers are, computed from configuration and results."""
    evaluation = results.experiment["evaluation"]
    (model,) = results.experiment["model"]
    counted = "images of each group completed, at most" if completes(model) else "samples per model"
    protocols = (
        " Columns 'as published' follow the UNO paper's protocol on the same runs: 128 fixed latents in train-mode "
        f"batch normalisation, classified by the guide ({100 * results.guide['heldout_accuracy']:.1f} % right on "
        "held-out images), the first crossing even if the class comes back, the last step where there is none (in "
        "brackets how many seeds crossed); and a "
        "distance with symmetrised covariance product to all training images, the forgotten class included. All "
        "others are rigorous: fresh samples in eval mode, the judge, the crossing for good, censored runs as such."
        if results.guide and "as_published" in evaluation["metrics"]
        else ""
    )
    crossings = (
        f"; crossings of the forget fraction's threshold ({100 * evaluation['threshold']:g} %): Kaplan–Meier median, "
        "in brackets how many seeds got there, '>' where fewer than half did"
        if any(description.get("event") for description in described.values())
        else ""
    )
    columns = "; ".join(f"{description['label']}: {description['description']}" for description in described.values())
    return (
        f"{results.conditions()} Mean ± standard deviation over seeds{crossings}. "
        f"{evaluation['samples']} {counted}.{protocols} {columns}."
    )

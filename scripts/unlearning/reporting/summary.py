"""From the metrics of single runs to one tidy table and the main table of an experiment."""

import numpy as np
import pandas as pd

from unlearning.plugins.describe import completes
from unlearning.reporting.captions import render_caption
from unlearning.reporting.estimates import reached
from unlearning.reporting.results import Results, label_with_unit
from unlearning.reporting.scale import normalised
from unlearning.reporting.significance import kaplan_meier_median
from unlearning.runtime.failures import FAILED


def tidy(results: list[dict], descriptions: dict[str, dict], classes: list[str]) -> pd.DataFrame:
    """Make a table with one row per experiment, method, seed and metric, in the order of the results.

    Args:
        results: Contents of `metrics.json` files, each with the hash of the file as `metrics_sha256`.
        descriptions: Description of each metric, in the order of the table.
        classes: Names of the classes. The shares of the classes among samples become metrics `class_share_{name}`.

    Returns:
        The content of `metrics.csv`. `value`, `low` and `high` are NaN where a run does not have the metric.
    """
    rows = []
    for result in results:
        values = {metric: result["metrics"][metric] for metric in descriptions} | _class_shares(result, classes)
        for metric, value in values.items():
            rows.append(
                {
                    **{key: result[key] for key in ("experiment", "method", "seed")},
                    "metric": metric,
                    **{key: _number(value.get(key)) for key in ("value", "low", "high")},
                    **{key: value.get(key, False) for key in ("censored", "undecided")},
                    "unit": descriptions[metric]["unit"] if metric in descriptions else "%",
                    "status": result["status"],
                    "last_step": result["last_step"],
                    "config_sha256": result["run"]["config_sha256"],
                    "commit": result["run"]["environment"]["commit"],
                    "metrics_sha256": result["metrics_sha256"],
                    "log": result.get("log"),
                }
            )
    table = pd.DataFrame(rows)
    table.insert(table.columns.get_loc("unit"), "normalised", normalised(table, descriptions))
    return table


def failed_result(experiment: str, run: dict, descriptions: dict[str, dict]) -> dict:
    """What stands for the `metrics.json` of a run that failed: no values, but the path of a log.

    Args:
        experiment: Name of the experiment.
        run: The run, see `unlearning.runtime.failures.read`.
        descriptions: Description of each metric.

    Returns:
        What `tidy` reads.
    """
    return {
        "experiment": experiment,
        **run,
        "status": FAILED,
        "last_step": None,
        "metrics": {metric: {"value": None} for metric in descriptions},
        "class_counts": None,
        "run": {"config_sha256": None, "environment": {"commit": None}},
        "metrics_sha256": None,
    }


def _class_shares(result: dict, classes: list[str]) -> dict[str, dict]:
    """The share of each class among the samples of a run, in per cent, the mean over the judge's networks.

    Args:
        result: Content of `metrics.json`.
        classes: Names of the classes.

    Returns:
        The shares by the name of their metric; none without samples.
    """
    counts = result["class_counts"]
    if not counts:
        return {}
    shares = 100 * np.mean(counts, axis=0) / sum(counts[0])
    return {f"class_share_{name}": {"value": share} for name, share in zip(classes, shares, strict=True)}


def _number(value: float | str | None) -> float:
    """A value of `metrics.json`, which holds 'inf' and 'nan' as text, and null for no value."""
    return np.nan if value is None else float(value)


def table_metrics(results: Results) -> dict[str, dict]:
    """The descriptions of the metrics that the main table shows."""
    return {metric: description for metric, description in results.descriptions.items() if description["table"]}


def main_table(table: pd.DataFrame, descriptions: dict[str, dict]) -> pd.DataFrame:
    """Make the table of all metrics that `table.csv` holds, with labels as columns; see `cells`."""
    labels = {metric: label_with_unit(description) for metric, description in descriptions.items()}
    return cells(table, descriptions).rename(columns=labels)


def cells(table: pd.DataFrame, descriptions: dict[str, dict]) -> pd.DataFrame:
    """Make the table of means ± standard deviations over seeds, with one row per method.

    A time to an event is shown as its Kaplan–Meier median over seeds, with the number of seeds that reached the event.
    A mean of values that are censored in some run has this number, too. Runs that diverged or failed have no samples:
    the column 'Runs' counts these runs, and a mean is over the other runs. If other runs have no value either, the cell
    says so.

    Args:
        table: Tidy table of one experiment.
        descriptions: Descriptions of the metrics to show, in the order of the columns.

    Returns:
        A table of text with the index 'Method', the column 'Runs' and a column for each metric.
    """
    rows = {}
    for method, runs in table.groupby("method", sort=False):
        by_seed = runs.drop_duplicates("seed")
        finished = (by_seed["status"] == "finished").sum()
        rows[method] = {"Runs": _run_count(by_seed)}
        for metric, description in descriptions.items():
            values = runs[(runs["metric"] == metric) & runs["value"].notna()]
            count = f" ({len(values)} of {finished} runs)" if 0 < len(values) < finished else ""
            rows[method][metric] = _cell(values, description.get("event", False)) + count
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("Method")


def _run_count(by_seed: pd.DataFrame) -> str:
    """How many runs a method has, which diverged, and which failed, with the paths of their logs.

    Args:
        by_seed: One row per run.

    Returns:
        Text of a cell.
    """
    text = str(len(by_seed))
    diverged, failed = (by_seed[by_seed["status"] == status] for status in ("diverged", FAILED))
    if len(diverged):
        text += f", {len(diverged)} diverged (step {', '.join(str(int(step)) for step in diverged['last_step'])})"
    if len(failed):
        text += f", {len(failed)} failed ({', '.join(failed['log'].unique())})"
    return text


def _cell(values: pd.DataFrame, event: bool) -> str:
    """Summarise the values of one method and metric.

    Args:
        values: Rows of the tidy table that have a value.
        event: Whether the values are times to an event.

    Returns:
        Text of a cell.
    """
    if values.empty:
        return "–"
    numbers, censored = values["value"].to_numpy(float), values["censored"].to_numpy(bool)
    if event:
        median, reached_by_half = kaplan_meier_median(numbers, censored)
        text = f"{median:.0f}" if values["unit"].iloc[0] == "steps" else _digits(median)
        return f"{'' if reached_by_half else '> '}{text} ({reached(values)})"
    mean = numbers.mean()
    spread = f" ± {_digits(numbers.std(ddof=1), like=mean)}" if len(numbers) > 1 else ""
    return _digits(mean) + spread + (f" ({reached(values)})" if censored.any() else "")


def _digits(number: float, like: float | None = None) -> str:
    """Write a number with two decimals, and with fewer if it is large.

    Args:
        number: The number.
        like: Number that decides how many decimals there are, for a spread beside its mean.

    Returns:
        The number as text.
    """
    if not np.isfinite(number):
        return "∞" if number > 0 else str(number)
    size = abs(number if like is None or not np.isfinite(like) else like)
    if size >= 1e6:
        return f"{number:.1e}"
    return f"{number:.{2 if size < 100 else 1 if size < 1000 else 0}f}"


def retrained_above_threshold(results: Results) -> float | None:
    """Compare retrained models with the threshold.

    Args:
        results: Results of the experiment.

    Returns:
        The retrained models' mean of the metric that has a threshold, if the mean exceeds it; None otherwise.
    """
    threshold = 100 * results.experiment["evaluation"].get("threshold", 1)
    for metric, description in results.descriptions.items():
        values = results.values(metric, "retrain")["value"]
        if description.get("has_threshold") and len(values) and values.mean() > threshold:
            return float(values.mean())
    return None


def caption(results: Results, in_panels: list[str]) -> str:
    """Write the caption of the main table.

    Args:
        results: Results of the experiment.
        in_panels: The metrics that the panels show. Only `table.csv` has the others.

    Returns:
        The caption.
    """
    evaluation, columns = results.experiment["evaluation"], table_metrics(results)
    crossings = any(description.get("event") for description in columns.values())
    (model,) = results.experiment["model"]
    retrained = retrained_above_threshold(results)
    return render_caption(
        "table",
        results,
        samples=evaluation["samples"],
        completing=completes(model),
        crossings=crossings,
        threshold=f"{100 * evaluation['threshold']:g}" if crossings else None,
        networks=len(results.judge["heldout_accuracy_by_network"]),
        retrained=None if retrained is None else _digits(retrained),
        notes=results.notes,
        columns=[columns[metric] for metric in in_panels],
        others=[label_with_unit(entry) for metric, entry in columns.items() if metric not in in_panels],
    )

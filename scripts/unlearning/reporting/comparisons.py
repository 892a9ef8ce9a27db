"""Every method against the baselines and the retrained model, paired by seed."""

import numpy as np
import pandas as pd

from unlearning.reporting.captions import render_caption
from unlearning.reporting.results import Results, label_with_unit
from unlearning.reporting.significance import (
    FEWEST_FOR_MEDIAN,
    LEVEL,
    holm,
    median_interval,
    sign_flip_p,
    sign_p,
    t_margin,
)
from unlearning.reporting.summary import table_metrics


def comparisons(results: Results) -> pd.DataFrame:
    """Compare every method with every baseline and with the retrained model, by every metric of the main table.

    Args:
        results: Results of the experiment.

    Returns:
        A table of text: the columns 'Method' and 'Compared with', then one column per metric. A cell summarises the
        differences to the other method's run of the same seed, see `summarise`. No mean is fair to times to an event,
        or to a metric that is only a bound in some run. Their cells count the seeds in which the method was earlier or
        later. A * marks p < 5 %, see `_corrected`.
    """
    rows = []
    for baseline, methods in _families(results).items():
        cells = {method: {"Method": method, "Compared with": baseline} for method in methods}
        for metric, description in table_metrics(results).items():
            timed = bool(description.get("event")) or results.values(metric)["censored"].any()
            for method, cell in _column(results, metric, methods, baseline, timed).items():
                cells[method][label_with_unit(description)] = cell
        rows += cells.values()
    return pd.DataFrame(rows)


def _families(results: Results) -> dict[str, list[str]]:
    """The methods that are compared with each baseline and with the retrained model."""
    return {
        baseline: [method for method in results.methods if method != baseline]
        for baseline in [*results.baselines, *({"retrain"} & {*results.rows})]
    }


def _column(results: Results, metric: str, methods: list[str], baseline: str, timed: bool) -> dict[str, str]:
    """Compare methods with a baseline by one metric.

    Args:
        results: Results of the experiment.
        metric: Name of the metric.
        methods: Rows to compare.
        baseline: Row to compare them with.
        timed: Whether to compare the order of times instead of differences.

    Returns:
        The cell of each method.
    """
    compare, test, describe = (orders, sign_p, _counts) if timed else (differences, sign_flip_p, summarise)
    paired = {method: compare(results, metric, method, baseline) for method in methods}
    p_values = _corrected(
        {method: test(values) for method, values in paired.items() if len(values) > 1 and np.isfinite(values).all()}
    )
    seeds = len(results.experiment["seeds"])
    cells = {}
    for method, values in paired.items():
        star = " *" if p_values.get(method, 1) < LEVEL else ""
        count = f" ({len(values)} of {seeds} seeds)" if len(values) < seeds else ""
        cells[method] = f"{describe(values)}{star}{count}" if len(values) else "–"
    return cells


def _corrected(p_values: dict[str, float]) -> dict[str, float]:
    """Correct the p-values of a column for the number of methods, by Holm's procedure."""
    return dict(zip(p_values, holm(np.array(list(p_values.values()))), strict=True))


def differences(results: Results, metric: str, method: str, baseline: str) -> np.ndarray:
    """Subtract the baseline's values from the method's values of the same seeds.

    Args:
        results: Results of the experiment.
        metric: Name of the metric.
        method: Row to compare.
        baseline: Row to compare with.

    Returns:
        (n,) differences, for the seeds in which both have a value.
    """
    of_method, of_baseline = _paired(results, metric, method, baseline)
    return (of_method["value"] - of_baseline["value"]).to_numpy()


def orders(results: Results, metric: str, method: str, baseline: str) -> np.ndarray:
    """Say for each seed which of two runs reached an event first.

    Args:
        results: Results of the experiment.
        metric: Name of the metric, a time.
        method: Row to compare.
        baseline: Row to compare with.

    Returns:
        (n,) signs, for the seeds in which both have a value: -1 where the method was earlier, 1 where it was later, 0
        where the order is not known, because the times are equal, their intervals overlap, or the bound of a run that
        did not surely reach the event leaves the order open.
    """
    of_method, of_baseline = _paired(results, metric, method, baseline)
    return _earlier(of_baseline, of_method).astype(int) - _earlier(of_method, of_baseline)


def _paired(results: Results, metric: str, *methods: str) -> list[pd.DataFrame]:
    """The runs of two methods in the seeds in which both have a value of the metric, by seed."""
    runs = [results.values(metric, method).set_index("seed") for method in methods]
    seeds = runs[0].index.intersection(runs[1].index)
    return [table.loc[seeds] for table in runs]


def _earlier(first: pd.DataFrame, second: pd.DataFrame) -> np.ndarray:
    """Where the first run surely reached the event before the second run.

    A run that reached the event may have done so as early as `low`, if this is known. A censored run had not reached
    the event at its time, and so it is later than a run that reached it at this time. A run that diverged before the
    event never reaches the event, and so it is later than every run that did.

    Args:
        first: Runs by seed, with `value`, `low`, `censored`, `undecided` and `status`.
        second: Other runs of the same seeds.

    Returns:
        (n,) bool.
    """
    reached, censored = ~first["censored"].to_numpy(bool), second["censored"].to_numpy(bool)
    never = censored & ~second["undecided"].to_numpy(bool) & (second["status"] == "diverged").to_numpy()
    known = np.where(censored, second["value"], second["low"].fillna(second["value"]))
    times, earliest = first["value"].to_numpy(), np.where(never, np.inf, known)
    return reached & ((times < earliest) | (censored & (times == earliest)))


def _counts(signs: np.ndarray) -> str:
    return f"earlier {(signs < 0).sum()}, later {(signs > 0).sum()}, undecided {(signs == 0).sum()}"


def summarise(values: np.ndarray) -> str:
    """Summarise differences with the 95 % interval that holds for their number.

    From six on, the cell is their median with the interval of order statistics, which holds for every distribution.
    Below six, no interval holds for every distribution, and the cell is their mean with Student's t interval, which
    holds for normal differences. The mean stands alone for one difference, for differences that are not finite, and for
    fewer than six that are all equal, because they show no spread.

    Args:
        values: (n,) differences, n > 0.

    Returns:
        Text of a cell.
    """
    if len(values) >= FEWEST_FOR_MEDIAN and np.isfinite(values).all():
        middle, (low, high) = np.median(values), median_interval(values)
    elif len(values) > 1 and np.isfinite(values).all() and np.ptp(values) > 0:
        middle, margin = values.mean(), t_margin(values)
        low, high = middle - margin, middle + margin
    else:
        return f"{values.mean():+.3g}"
    return f"{middle:+.3g} [{low:+.3g}, {high:+.3g}]"


def caption(results: Results) -> str:
    """Write the caption of the table of comparisons."""
    seeds = len(results.experiment["seeds"])
    smallest = sign_flip_p(np.ones(seeds)) if seeds > 1 else 1
    tests = {baseline: len(methods) for baseline, methods in _families(results).items()}
    corrected = {baseline: min(1, smallest * count) for baseline, count in tests.items()}
    return render_caption(
        "comparisons",
        results,
        fewest=FEWEST_FOR_MEDIAN,
        smallest=f"{smallest:.2g}",
        tests=tests,
        corrected={baseline: f"{value:.2g}" for baseline, value in corrected.items()},
        too_few_seeds=min(corrected.values()) >= LEVEL,
    )

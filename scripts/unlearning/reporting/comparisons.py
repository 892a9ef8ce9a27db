"""Every method against the baselines and the retrained model, paired by seed."""

import numpy as np
import pandas as pd

from unlearning.reporting.captions import render_caption
from unlearning.reporting.results import Results, label_with_unit
from unlearning.reporting.significance import bootstrap_interval, holm, sign_flip_p, sign_p
from unlearning.reporting.summary import table_metrics

LEVEL = 0.05
MANY_SEEDS = 6  # from here on, an interval of seeds can reach its 95 %


def comparisons(results: Results) -> pd.DataFrame:
    """Compare every method with every baseline and with the retrained model, by every metric of the main table.

    Args:
        results: Results of the experiment.

    Returns:
        A table of text: the columns 'Method' and 'Compared with', then one column per metric. A cell is the mean
        difference to the other method's run of the same seed, with its 95 % bootstrap interval over seeds. No mean is
        fair to times to an event, or to a metric that is only a bound in some run. Their cells count the seeds in
        which the method was earlier or later. A * marks p < 5 %, see `_corrected`.
    """
    rows = []
    for baseline in [*results.baselines, "retrain"]:
        methods = [method for method in results.methods if method != baseline]
        cells = {method: {"Method": method, "Compared with": baseline} for method in methods}
        for metric, description in table_metrics(results).items():
            timed = bool(description.get("event")) or results.values(metric)["censored"].any()
            for method, cell in _column(results, metric, methods, baseline, timed).items():
                cells[method][label_with_unit(description)] = cell
        rows += cells.values()
    return pd.DataFrame(rows)


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
    compare, test, describe = (orders, sign_p, _counts) if timed else (differences, sign_flip_p, _mean)
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
        where the order is not known, because the times are equal or one run was not observed for long enough.
    """
    of_method, of_baseline = _paired(results, metric, method, baseline)
    return _earlier(of_baseline, of_method).astype(int) - _earlier(of_method, of_baseline)


def _paired(results: Results, metric: str, *methods: str) -> list[pd.DataFrame]:
    """The runs of two methods in the seeds in which both have a value of the metric, by seed."""
    runs = [results.values(metric, method).set_index("seed") for method in methods]
    seeds = runs[0].index.intersection(runs[1].index)
    return [table.loc[seeds] for table in runs]


def _earlier(first: pd.DataFrame, second: pd.DataFrame) -> np.ndarray:
    """Where the first run reached the event and the second run reached it later.

    A censored run had not reached the event at its time, and so it is later than a run that reached it at this time.

    Args:
        first: Runs by seed, with `value` and `censored`.
        second: Other runs of the same seeds.

    Returns:
        (n,) bool.
    """
    reached, censored = ~first["censored"].to_numpy(bool), second["censored"].to_numpy(bool)
    times, other_times = first["value"].to_numpy(), second["value"].to_numpy()
    return reached & ((times < other_times) | (censored & (times == other_times)))


def _counts(signs: np.ndarray) -> str:
    return f"earlier {(signs < 0).sum()}, later {(signs > 0).sum()}, undecided {(signs == 0).sum()}"


def _mean(values: np.ndarray) -> str:
    if len(values) == 1 or not np.isfinite(values).all():
        return f"{values.mean():+.3g}"
    low, high = bootstrap_interval(values)
    return f"{values.mean():+.3g} [{low:+.3g}, {high:+.3g}]"


def caption(results: Results) -> str:
    """Write the caption of the table of comparisons."""
    seeds, methods = len(results.experiment["seeds"]), len(set(results.methods) - set(results.baselines))
    smallest = sign_flip_p(np.ones(seeds)) if seeds > 1 else 1
    corrected = min(1, smallest * methods)
    # An interval lies within the range of the seeds. It misses the mean if all seeds lie above the mean, or all below.
    coverage = f"{100 * (1 - 2.0 ** (1 - seeds)):.0f}" if 1 < seeds < MANY_SEEDS else None
    return render_caption(
        "comparisons",
        results,
        coverage=coverage,
        smallest=f"{smallest:.2g}",
        methods=methods,
        corrected=f"{corrected:.2g}",
        too_few_seeds=corrected >= LEVEL,
    )

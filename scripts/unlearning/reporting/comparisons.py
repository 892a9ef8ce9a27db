"""Every method against fine-tuning and against the retrained model, paired by seed."""

import numpy as np
import pandas as pd

from unlearning.reporting.results import Results, with_unit
from unlearning.reporting.significance import bootstrap_interval, holm, sign_flip_p, sign_p

BASELINES = ("finetune", "retrain")
LEVEL = 0.05


def comparisons(results: Results) -> pd.DataFrame:
    """One row per method and baseline, one column per metric of the main table.

    A cell is the mean difference to the baseline's run of the same seed, with its 95 % bootstrap
    interval over seeds; of the times to an event, and of what is only a bound in some run, which no mean
    does justice to, how many runs were earlier or later than the baseline's. * where the sign-flip test,
    or for these the sign test, corrected over the methods of the column and baseline by Holm's procedure,
    falls below 5 %.
    """
    described = {name: description for name, description in results.described.items() if description["table"]}
    rows = {}
    for baseline in BASELINES:
        methods = [method for method in results.methods if method != baseline]
        if baseline not in [*results.methods, "retrain"]:
            continue
        rows |= {(method, baseline): {"Method": method, "Compared with": baseline} for method in methods}
        for metric, description in described.items():
            label = with_unit(description["label"], description["unit"])
            timed = description.get("event") or results.values(metric)["censored"].any()
            compare, test, shown = (orders, sign_p, _counts) if timed else (differences, sign_flip_p, _mean)
            paired = {method: compare(results, metric, method, baseline) for method in methods}
            tested = {
                method: test(values)
                for method, values in paired.items()
                if len(values) > 1 and np.isfinite(values).all()
            }
            corrected = dict(zip(tested, holm(np.array(list(tested.values()))), strict=True))
            for method, values in paired.items():
                seeds = len(results.experiment["seeds"])
                few = f" ({len(values)} of {seeds} seeds)" if len(values) < seeds else ""
                star = " *" if corrected.get(method, 1) < LEVEL else ""
                rows[method, baseline][label] = f"{shown(values)}{star}{few}" if len(values) else "–"
    return pd.DataFrame(list(rows.values()))


def differences(results: Results, metric: str, method: str, baseline: str) -> np.ndarray:
    """The metric of a method's runs minus that of the baseline's of the same seeds; (n,), where both have it."""
    own, other = _paired(results, metric, method, baseline)
    return (own["value"] - other["value"]).to_numpy()


def orders(results: Results, metric: str, method: str, baseline: str) -> np.ndarray:
    """-1 where a method's run came to an event before the baseline's of the same seed, 1 where after; (n,).

    0 where neither is known: at the same time, or a run was not watched for as long as the other took.
    """
    own, other = _paired(results, metric, method, baseline)
    return _before(other, own).astype(int) - _before(own, other)


def _paired(results: Results, metric: str, *methods: str) -> list[pd.DataFrame]:
    """The runs of two methods that have the metric in the same seeds, by seed."""
    runs = [results.values(metric, method).set_index("seed") for method in methods]
    seeds = runs[0].index.intersection(runs[1].index)
    return [each.loc[seeds] for each in runs]


def _before(first: pd.DataFrame, second: pd.DataFrame) -> np.ndarray:
    """Where the first run came to the event, and the second surely later: a bound is a time at which it had not."""
    seen, bound = ~first["censored"].to_numpy(bool), second["censored"].to_numpy(bool)
    times, others = first["value"].to_numpy(), second["value"].to_numpy()
    return seen & ((times < others) | (bound & (times == others)))


def _counts(signs: np.ndarray) -> str:
    return f"earlier {(signs < 0).sum()}, later {(signs > 0).sum()}, undecided {(signs == 0).sum()}"


def _mean(values: np.ndarray) -> str:
    if len(values) == 1 or not np.isfinite(values).all():
        return f"{values.mean():+.3g}"
    low, high = bootstrap_interval(values)
    return f"{values.mean():+.3g} [{low:+.3g}, {high:+.3g}]"


def caption(results: Results) -> str:
    """What the cells are."""
    seeds, methods = len(results.experiment["seeds"]), len(set(results.methods) - {"finetune"})
    smallest = sign_flip_p(np.ones(seeds)) if seeds > 1 else 1
    corrected = min(1, smallest * methods)
    # An interval within the seeds' range misses what they all lie above, or all below.
    coverage = 100 * (1 - 2.0 ** (1 - seeds))
    few = (
        f", which with {seeds} seeds covers the true one at most {coverage:.0f} % of the time" if 1 < seeds < 6 else ""
    )
    return (
        f"{results.conditions()} Mean difference to the run of the same seed of the method in the second column, with "
        f"its 95 % bootstrap interval over seeds{few}. Of times, where a run may have only a bound: in how many seeds "
        "the method was earlier or later than the other; undecided: equal, or open for a bound. –: no value. *: below "
        "5 % by the sign-flip test, or of times by the exact sign test without what is undecided, corrected by Holm's "
        f"procedure over all methods of a column. With {seeds} seed{'s' if seeds > 1 else ''} the smallest possible "
        f"value is {smallest:.2g} before correction and, of {methods} methods, {corrected:.2g} after it"
        + (": too few seeds for any *." if corrected >= LEVEL else ".")
    )

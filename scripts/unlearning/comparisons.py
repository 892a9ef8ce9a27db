"""Every method against fine-tuning and against the retrained model, paired by seed."""

import numpy as np
import pandas as pd

from unlearning.results import Results, with_unit
from unlearning.statistics import bootstrap_interval, holm, sign_flip_p

BASELINES = ("finetune", "retrain")
LEVEL = 0.05


def comparisons(results: Results) -> pd.DataFrame:
    """One row per method and baseline, one column per metric of the main table that is not the time to an event.

    A cell is the mean difference to the baseline's run of the same seed, with its 95 % bootstrap
    interval over seeds, and * where the sign-flip test, corrected over the methods of the column
    and baseline by Holm's procedure, falls below 5 %.
    """
    described = {
        name: description
        for name, description in results.described.items()
        if description["table"] and not description.get("event")
    }
    rows = {}
    for baseline in BASELINES:
        methods = [method for method in results.methods if method != baseline]
        if baseline not in [*results.methods, "retrain"]:
            continue
        rows |= {(method, baseline): {"Method": method, "Compared with": baseline} for method in methods}
        for metric, description in described.items():
            label = with_unit(description["label"], description["unit"])
            paired = {method: differences(results, metric, method, baseline) for method in methods}
            tested = {
                method: sign_flip_p(values)
                for method, values in paired.items()
                if len(values) > 1 and np.isfinite(values).all()
            }
            corrected = dict(zip(tested, holm(np.array(list(tested.values()))), strict=True))
            for method, values in paired.items():
                cell = _cell(values, corrected.get(method), len(results.experiment["seeds"]))
                rows[method, baseline][label] = cell
    return pd.DataFrame(list(rows.values()))


def differences(results: Results, metric: str, method: str, baseline: str) -> np.ndarray:
    """The metric of a method's runs minus that of the baseline's of the same seeds; (n,), where both have it.

    None where some run has only a bound of it: the difference would hang on how long the runs were.
    """
    values = results.values(metric, method, baseline)
    if values["censored"].any():
        return np.empty(0)
    wide = values.pivot_table(index="seed", columns="method", values="value")
    if not {method, baseline} <= set(wide):
        return np.empty(0)
    return (wide[method] - wide[baseline]).dropna().to_numpy()


def _cell(values: np.ndarray, p: float | None, seeds: int) -> str:
    if not len(values):
        return "–"
    few = f" ({len(values)} of {seeds} seeds)" if len(values) < seeds else ""
    if len(values) == 1 or not np.isfinite(values).all():
        return f"{values.mean():+.3g}{few}"
    low, high = bootstrap_interval(values)
    return f"{values.mean():+.3g} [{low:+.3g}, {high:+.3g}]{' *' if p is not None and p < LEVEL else ''}{few}"


def caption(results: Results) -> str:
    """What the cells are."""
    seeds = len(results.experiment["seeds"])
    smallest = sign_flip_p(np.ones(seeds)) if seeds > 1 else 1
    # An interval within the seeds' range misses what they all lie above, or all below.
    coverage = 100 * (1 - 2.0 ** (1 - seeds))
    few = (
        f", which with {seeds} seeds covers the true one at most {coverage:.0f} % of the time" if 1 < seeds < 6 else ""
    )
    return (
        f"{results.conditions()} Mean difference to the run of the same seed of the method in the second column, with "
        f"its 95 % bootstrap interval over seeds{few}. –: no value, or in some run only a bound. *: below 5 % by the "
        "sign-flip test, corrected by Holm's procedure over all methods of a column. With "
        f"{seeds} seed{'s' if seeds > 1 else ''} the smallest possible value of that test is {smallest:.2g} before "
        "correction" + (": too few seeds for any *." if smallest > LEVEL else ".")
    )

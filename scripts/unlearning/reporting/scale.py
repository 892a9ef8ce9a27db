"""The scale with the mean original model at 0 and the mean retrained model at 1."""

import numpy as np
import pandas as pd

from unlearning.reporting.significance import fieller_interval, t_margin


def normalised(table: pd.DataFrame, descriptions: dict[str, dict]) -> pd.Series:
    """Put each value x on the scale: (x - mean of originals) / (mean of retrained models - mean of originals).

    A metric has the scale if the metric declares `normalised`, and if the paired t test at 5 % finds that the two
    references differ. Where they do not differ and their differences are normal, the scale appears in 5 % of cases at
    every number of seeds. If they differ by 1.5 standard deviations of independent seeds, the scale appears in 10, 20,
    45 and 85 % of cases at 2, 3, 5 and 10 seeds; if they differ by 6, in 37 and 93 % at 2 and 3 seeds.

    Args:
        table: Tidy table; its columns `method`, `seed`, `metric` and `value`.
        descriptions: Description of each metric.

    Returns:
        The values on this scale. NaN for metrics that have no scale.
    """
    scaled = pd.Series(np.nan, index=table.index)
    for metric, runs in table.groupby("metric"):
        if descriptions.get(metric, {}).get("normalised"):
            references = _by_seed(runs, "original", "retrain")
            if differ(*references.to_numpy().T):
                origin = references["original"].mean()
                unit = references["retrain"].mean() - origin
                scaled[runs.index] = (runs["value"] - origin) / unit
    return scaled


def differ(original: np.ndarray, retrain: np.ndarray) -> np.ndarray:
    """Test by the paired t test at 5 % whether the originals and the retrained models have different means.

    The test is paired, and not Welch's, because its level is exact for normal differences whatever the two standard
    deviations are. At 2 seeds and a ratio of 10 between these, Welch's test finds a difference that does not exist in
    6 % of cases. Besides, the paired test agrees with Fieller's intervals, which exist exactly where it finds a
    difference.

    Args:
        original: (..., n) values of the originals, by seed.
        retrain: (..., n) values of the retrained models of the same seeds.

    Returns:
        (...) whether they differ. False for fewer than two seeds, and for values that are not finite.
    """
    if original.shape[-1] < 2:
        return np.zeros(original.shape[:-1], bool)
    with np.errstate(invalid="ignore"):
        differences = retrain - original
        return np.abs(differences.mean(axis=-1)) > t_margin(differences)


def mean_on_scale(runs: pd.DataFrame, method: str) -> tuple[float, float, float]:
    """Put the mean of a row on the scale, with its 95 % interval, which includes the error of both references.

    The mean and the interval are over the seeds in which the row and both references have a value.

    Args:
        runs: Rows of the tidy table with the values of one metric that has the scale.
        method: Name of the row.

    Returns:
        The mean, and the lower and the upper end of Fieller's interval. The ends are NaN where no interval exists: for
        one seed, for values that are not finite, and for a row whose seeds alone do not tell the references apart.
    """
    values = _by_seed(runs, "original", "retrain", method)
    distances = (values[method] - values["original"]).to_numpy()
    units = (values["retrain"] - values["original"]).to_numpy()
    mean = distances.mean() / units.mean() if len(units) else np.nan
    if len(units) < 2 or not np.isfinite(distances).all():
        return mean, np.nan, np.nan
    low, high = fieller_interval(distances, units)
    return mean, float(low), float(high)


def _by_seed(runs: pd.DataFrame, *methods: str) -> pd.DataFrame:
    """The values of rows by seed, of the seeds in which all of these rows have a value.

    Args:
        runs: Rows of the tidy table of one metric.
        methods: Names of the rows.

    Returns:
        A table with a row for each seed and a column for each method.
    """
    by_seed = runs.pivot(index="seed", columns="method", values="value")
    return by_seed.reindex(columns=list(dict.fromkeys(methods))).dropna()

"""Means over runs with their errors, and ratios of such means."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from unlearning.reporting.results import Results
from unlearning.reporting.significance import LEVEL


@dataclass(frozen=True)
class Estimate:
    """A mean over runs.

    Attributes:
        mean: The mean.
        std: Standard deviation of one run; NaN if not known.
        runs: Number of runs; NaN if not known.
        squared_error: Squared standard error of the mean; 0 if not known.
        degrees: Degrees of freedom of the squared error; NaN if not known.
        at_least: Whether the mean is a lower bound, because a run was censored.
        at_most: Whether the mean is an upper bound.
    """

    mean: float
    std: float
    runs: float
    squared_error: float
    degrees: float
    at_least: bool = False
    at_most: bool = False

    @classmethod
    def of(cls, mean: float, std: float, runs: float, at_least: bool = False, ddof: int = 1) -> "Estimate":
        """Make the estimate of independent runs, whose mean has the squared error s² / runs.

        Here, s² is the sum of squared deviations over runs - 1.

        Args:
            mean: The mean.
            std: Standard deviation of one run; NaN if not known.
            runs: Number of runs; NaN if not known.
            at_least: Whether the mean is a lower bound.
            ddof: The given standard deviation divides the sum by runs - ddof.

        Returns:
            The estimate.
        """
        squared_error = std**2 / (runs - 1 + ddof) if std >= 0 else 0.0
        return cls(mean, std, runs, float(np.nan_to_num(squared_error)), runs - 1, at_least)

    @property
    def margin(self) -> float:
        """Half the width of the 95 % interval of the mean, by Student's t; 0 if the error is not known."""
        from scipy.stats import t

        return float(t.isf(LEVEL / 2, self.degrees) * np.sqrt(self.squared_error)) if self.squared_error else 0.0

    def over(self, reference: "Estimate") -> "Estimate":
        """Divide by another mean, whose error and bounds count as well.

        To first order, the squared error of r = a / b is (ε_a² + r² ε_b²) / b². Its degrees of freedom are those of
        Satterthwaite (1946) for a sum of two squared errors.

        Args:
            reference: The mean to divide by.

        Returns:
            The ratio.
        """
        ratio = self.mean / reference.mean
        parts = [(self.squared_error, self.degrees), (ratio**2 * reference.squared_error, reference.degrees)]
        total = sum(part for part, _ in parts)
        degrees = total**2 / sum(part**2 / degrees for part, degrees in parts if part) if total else np.nan
        std = self.std / abs(reference.mean)
        runs = np.fmin(self.runs, reference.runs)
        return Estimate(ratio, std, runs, total / reference.mean**2, degrees, self.at_least, reference.at_least)

    def __str__(self) -> str:
        spread = "" if np.isnan(self.std) else f" ± {self.std:.2g}"
        return f"{self.mean:.3g}{spread}"


def reached(runs: pd.DataFrame) -> str:
    """Count the runs that reached an event, and those that are undecided, as in '2/3, 1 undecided'.

    Args:
        runs: Runs with `censored` and `undecided`. An undecided run is censored, too.

    Returns:
        Text for brackets.
    """
    undecided = int(runs["undecided"].sum())
    return f"{(~runs['censored'].astype(bool)).sum()}/{len(runs)}" + (f", {undecided} undecided" if undecided else "")


def estimate(results: Results, metric: str, method: str, scale: float = 1) -> Estimate | None:
    """Take the mean of a metric over the seeds of a row.

    Args:
        results: Results of the experiment.
        metric: Name of the metric.
        method: Name of the row.
        scale: Factor of the values.

    Returns:
        The estimate; None if no run has a value.
    """
    runs = results.values(metric, method)
    values = scale * runs["value"].to_numpy(float)
    if not len(values):
        return None
    std = values.std(ddof=1) if len(values) > 1 else np.nan
    return Estimate.of(values.mean(), std, len(values), bool(runs["censored"].any()))

"""What the explorer shows: values of runs, their course over steps, and samples on the way."""

import base64
import io
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from PIL import Image

from unlearning.config.experiment import references_of
from unlearning.io.files import read_json
from unlearning.reporting.results import Results, label_with_unit

FORGOTTEN = "forgotten_percent"
# What is followed over steps: columns of `steps.csv`, and the forget fraction from `measurements.csv`.
QUANTITIES = {
    FORGOTTEN: "Forget fraction (%)",
    "cosine": "Cosine of both gradients, before the step",
    "cosine_after": "Cosine of both gradients, after the step",
    "direction_retain_cosine": "Cosine of the direction and the retain gradient",
    "direction_forget_cosine": "Cosine of the direction and the forget gradient",
    "retain_loss": "Retain loss of the batch",
    "forget_loss": "Forget loss of the batch",
    "retain_gradient_norm": "Norm of the retain gradient",
    "forget_gradient_norm": "Norm of the forget gradient",
}
MEAN = "mean"  # stands in the place of a seed
CLASS_SHARE = "class_share_"
SHEET_BYTES = 3_000_000  # of all sheets together, as PNG; the page holds them as text, which takes a third more


def metric_choices(results: Results) -> dict[str | None, dict[str, str]]:
    """The metrics that have a value in some run.

    Args:
        results: Results of the experiment.

    Returns:
        For each panel, in the order of tables, the label with unit of each metric by its name. The panel of the shares
        of classes and of metrics without a panel is None.
    """
    known = list(dict.fromkeys(results.metrics.loc[np.isfinite(results.metrics["value"]), "metric"]))
    choices = {}
    for metric in known:
        description = results.descriptions.get(metric)
        label = label_with_unit(description) if description else f"Share of {metric.removeprefix(CLASS_SHARE)} (%)"
        choices.setdefault((description or {}).get("panel"), {})[metric] = label
    return choices


def values_of_runs(results: Results) -> list[dict]:
    """The values of every run that has any.

    Args:
        results: Results of the experiment.

    Returns:
        For each run `row` and `seed`, and by metric `value`, the interval `low` and `high` where one is known, `bound`
        for a value that is a lower bound, and `text`, the value with its interval.
    """
    table = results.metrics[np.isfinite(results.metrics["value"])]
    runs = []
    for (row, seed), metrics in table.groupby(["method", "seed"], sort=False):
        metrics = metrics.set_index("metric")
        with_interval = metrics[np.isfinite(metrics["low"]) & np.isfinite(metrics["high"]) & ~metrics["censored"]]
        runs.append(
            {
                "row": row,
                "seed": int(seed),
                "value": _numbers(metrics["value"]),
                "low": _numbers(with_interval["low"]),
                "high": _numbers(with_interval["high"]),
                "bound": dict.fromkeys(metrics.index[metrics["censored"].astype(bool)], True),
                "text": {metric: _text(value) for metric, value in metrics.iterrows()},
            }
        )
    return runs


def _numbers(values: pd.Series) -> dict[str, float]:
    """Values with four significant digits, which is what the page shows."""
    return {name: float(f"{value:.4g}") for name, value in values.items()}


def _text(value: pd.Series) -> str:
    """A value with its 95 % interval, or why the value is a lower bound."""
    if value["undecided"]:
        return f"more than {value['value']:.4g}, undecided"
    if value["censored"]:
        return f"more than {value['value']:.4g}, not reached in the run"
    known = np.isfinite(value["low"]) and np.isfinite(value["high"])
    return f"{value['value']:.4g}" + (f" [{value['low']:.4g}, {value['high']:.4g}]" if known else "")


def courses(results: Results) -> list[dict]:
    """What was measured over the steps of every unlearning run, and the mean over the seeds of a row.

    A mean is taken at the steps that all runs of the row reached. So a run that diverges does not bend the line.

    Args:
        results: Results of the experiment.

    Returns:
        For each row, seed and measured step `row`, `seed`, `step`, `seconds` since the start of the run with its
        preparation, and the `QUANTITIES` that are known. The `seed` of a mean is `MEAN`.
    """
    table = _course_of_runs(results)
    if table.empty:
        return []
    columns = ["seconds", *QUANTITIES]
    by_step = table.groupby(["row", "step"], sort=False)
    runs = table.groupby("row")["seed"].nunique()
    means = by_step[columns].mean().reset_index()
    complete = by_step["seed"].nunique().to_numpy() == runs[means["row"]].to_numpy()
    table = pd.concat([table, means[complete].assign(seed=MEAN)])
    table[columns] = table[columns].map(lambda value: float(f"{value:.4g}"))
    return [
        {name: value for name, value in point.items() if not (isinstance(value, float) and not np.isfinite(value))}
        for point in table.to_dict("records")
    ]


def _course_of_runs(results: Results) -> pd.DataFrame:
    """One line for each row, seed and measured step, NaN for what is not known; empty without runs."""
    looks = results.trajectory("measurements.csv", "forgotten", "samples")
    looks[FORGOTTEN] = 100 * looks["forgotten"] / looks["samples"]
    looks = looks.groupby(["method", "seed", "step"], as_index=False)[FORGOTTEN].mean()  # over networks
    steps = results.trajectory("steps.csv", "seconds", *list(QUANTITIES)[1:])
    steps["seconds"] = steps.groupby(["method", "seed"])["seconds"].cumsum()
    table = looks.merge(steps, how="outer", on=["method", "seed", "step"])
    table = table.dropna(subset=list(QUANTITIES), how="all")
    table.loc[table["step"] == 0, "seconds"] = 0
    for (method, seed), run in table.groupby(["method", "seed"]):
        table.loc[run.index, "seconds"] += read_json(results.run(method, seed) / "record.json")["preparation_seconds"]
    order = {method: number for number, method in enumerate(results.methods)}
    table = table.sort_values(["method", "seed", "step"], key=lambda column: column.map(order).fillna(column))
    return table.rename(columns={"method": "row"}).astype({"step": int, "seed": int})


@dataclass(frozen=True)
class Sheet:
    """What one run shows of the probes after several of its steps, see `Results.transformation`.

    Attributes:
        row: Name of the row.
        steps: (S,) steps, in growing order; a single 0 for a model that does not change.
        images: (S, n, C, H, W) uint8.
        forgotten: How many of the n probes, the first ones, are of what is to be forgotten.
    """

    row: str
    steps: np.ndarray
    images: np.ndarray
    forgotten: int

    @property
    def aspect(self) -> float:
        """Width of one strip over its height."""
        _, count, _, height, width = self.images.shape
        return count * (width + 1) / (height + 1)

    @cached_property
    def png(self) -> bytes:
        """One picture with a strip of n samples for each step, one below the other."""
        steps, count, channels, height, width = self.images.shape
        framed = np.pad(self.images, ((0, 0),) * 3 + ((0, 1), (0, 1)), constant_values=255)
        sheet = framed.transpose(0, 3, 1, 4, 2).reshape(steps * (height + 1), count * (width + 1), channels)
        stream = io.BytesIO()
        Image.fromarray(sheet.squeeze(2) if channels == 1 else sheet).save(stream, "PNG", optimize=True)
        return stream.getvalue()

    @property
    def url(self) -> str:
        """The picture as text, for a page."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"


def sheets_of_probes(results: Results) -> list[Sheet]:
    """What the models of one seed show of the probes, of as many probes as the page can hold.

    Args:
        results: Results of the experiment.

    Returns:
        Sheet of the references and of each method, of probes to be forgotten first. Empty if all runs have failed.
    """
    seed = results.shown_seed
    runs = {row: results.transformation(row, seed) for row in results.methods}
    shown = {row: (run["steps"], run["images"]) for row, run in runs.items() if run}
    if not shown:
        return []
    references = {row: results.probes(row, seed) for row in references_of(results.experiment)}
    shown = {row: (np.zeros(1, int), images[None]) for row, images in references.items() if images is not None} | shown
    forgotten = results.probes_of_forgotten(seed)
    chosen = [*forgotten.nonzero()[0], *(~forgotten).nonzero()[0]]
    while True:
        sheets = [
            Sheet(row, steps, images[:, chosen], int(forgotten[chosen].sum())) for row, (steps, images) in shown.items()
        ]
        if len(chosen) <= 2 or sum(len(each.png) for each in sheets) <= SHEET_BYTES:
            return sheets
        chosen = chosen[::2]

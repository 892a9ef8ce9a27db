"""The results of one experiment, read back for tables and figures."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from unlearning import plugins


@dataclass(frozen=True)
class Results:
    """What tables and figures are made from.

    experiment: its configuration. metrics: the tidy table, see `summary.COLUMNS`. runs: folders of
    the methods' runs by (method, seed). judge: its measured accuracy. forget_set: as selected.
    """

    experiment: dict
    metrics: pd.DataFrame
    runs: dict[tuple[str, int], Path]
    judge: dict
    forget_set: dict

    @classmethod
    def read(cls, experiment: dict, table: Path, results: list[Path], accuracy: Path, forget_set: Path) -> "Results":
        """Read what is small; the files of single runs are read when asked for.

        Args:
            experiment: its configuration.
            table: `metrics.csv`.
            results: `metrics.json` of every run; the folder `seed{seed}/{method}` of each says whose.
            accuracy: of the judge.
            forget_set: JSON file.
        """
        return cls(
            experiment=experiment,
            metrics=pd.read_csv(table),
            runs={(path.parent.name, int(path.parents[1].name.removeprefix("seed"))): path.parent for path in results},
            judge=json.loads(accuracy.read_text()),
            forget_set=json.loads(forget_set.read_text()),
        )

    @property
    def methods(self) -> list[str]:
        """The methods in the order of the configuration, without the references."""
        return list(self.experiment["methods"])

    @property
    def classes(self) -> list[str]:
        """Names of the data set's classes."""
        return plugins.describe("datasets", self.experiment["dataset"])["classes"]

    @property
    def forgotten(self) -> list[str]:
        """Names of the classes that are forgotten as a whole."""
        return [self.classes[number] for number in self.forget_set["forgotten_classes"]]

    @property
    def described(self) -> dict[str, dict]:
        """Label, unit and description of every metric, in the order of the configuration."""
        names = self.experiment["evaluation"]["metrics"]
        return {key: value for name in names for key, value in plugins.describe("metrics", name).items()}

    def values(self, metric: str, *methods: str) -> pd.DataFrame:
        """The rows of one metric that have a value, of the given methods or of all."""
        table = self.metrics[(self.metrics["metric"] == metric) & self.metrics["value"].notna()]
        return table[table["method"].isin(methods)] if methods else table

    def trajectory(self, file: str) -> pd.DataFrame:
        """`steps.csv` or `measurements.csv` of all runs, with their method and seed."""
        tables = [
            pd.read_csv(folder / file).assign(method=method, seed=seed)
            for (method, seed), folder in self.runs.items()
            if method in self.methods
        ]
        return pd.concat(tables, ignore_index=True)

    def samples(self, method: str, seed: int) -> dict[str, np.ndarray]:
        """The judged samples of a run: `images` (N, C, H, W) uint8 and `classes` (N,)."""
        with np.load(self.runs[method, seed] / "samples.npz") as file:
            return dict(file)

    def conditions(self) -> str:
        """One sentence on what every number rests on, for captions."""
        seeds = len(self.experiment["seeds"])
        of = f" of class {', '.join(self.forgotten)}" if self.forgotten else ""
        return (
            f"{self.experiment['title']}: {len(self.forget_set['forget'])} training images{of} to forget, "
            f"{len(self.forget_set['retain'])} to retain; {seeds} seed{'s' if seeds > 1 else ''}; "
            f"judge {100 * self.judge['heldout_accuracy']:.1f} % right on "
            f"{self.judge['heldout_images']} held-out images."
        )

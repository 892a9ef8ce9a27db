"""The results of one experiment, read back for tables and figures."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from unlearning.config.experiment import REFERENCES
from unlearning.data.dataset import class_names
from unlearning.data.description import describe_dataset
from unlearning.data.forget_set import GROUPS
from unlearning.evaluation.description import describe_metrics
from unlearning.io.files import read_json

NAMED = 10  # classes to forget in a caption; of more, only the first


def with_unit(label: str, unit: str) -> str:
    """A label with its unit in brackets; as it is where the unit is ''."""
    return f"{label} ({unit})" if unit else label


@dataclass(frozen=True)
class Results:
    """What tables and figures are made from.

    experiment: its configuration. folder: of its results. metrics: the tidy table, see
    `summary.COLUMNS`. judge, guide: their measured accuracy; no guide where the experiment has none.
    forget_set: as selected.
    """

    experiment: dict
    folder: Path
    metrics: pd.DataFrame
    judge: dict
    guide: dict | None
    forget_set: dict

    @classmethod
    def read(cls, experiment: dict, table: Path, accuracy: list[Path], forget_set: Path) -> "Results":
        """Read what is small; the files of single runs are read when asked for.

        Args:
            experiment: its configuration.
            table: `metrics.csv`; the folders of the runs lie beside it.
            accuracy: of the judge and, where there is one, of the guide.
            forget_set: JSON file.
        """
        return cls(
            experiment=experiment,
            folder=table.parent,
            metrics=pd.read_csv(table),
            judge=read_json(accuracy[0]),
            guide=read_json(accuracy[1]) if len(accuracy) > 1 else None,
            forget_set=read_json(forget_set),
        )

    @property
    def methods(self) -> list[str]:
        """The methods in the order of the configuration, without the references."""
        return list(self.experiment["methods"])

    @property
    def rows(self) -> list[str]:
        """The references, then the methods."""
        return [*REFERENCES, *self.methods]

    @property
    def classes(self) -> list[str]:
        """Names of the classes that the judge tells apart."""
        return class_names(self.experiment["forget_set"], describe_dataset(self.experiment["dataset"]))

    @property
    def forgotten(self) -> list[str]:
        """Names of the classes that are forgotten as a whole."""
        return [self.classes[number] for number in self.forget_set["forgotten_classes"]]

    @property
    def features(self) -> str:
        """The network on whose features distances between image sets are taken."""
        return {"judge": "judge", "inception": "Inception"}[self.experiment["evaluation"].get("features", "judge")]

    @property
    def embeddings(self) -> str:
        """What embeddings of completed images are."""
        return "CLIP embeddings" if "embedding" in self.experiment["evaluation"] else f"{self.features} features"

    @property
    def described(self) -> dict[str, dict]:
        """Label, unit and description of every metric, in the order of the configuration.

        Filled in are what a metric's file leaves open: `{features}`, `{embeddings}`, `{samples}` and `{retained}`.
        """
        evaluation = self.experiment["evaluation"]
        facts = {
            "features": f"{self.features} features",
            "embeddings": self.embeddings,
            "samples": evaluation["samples"],
            "retained": len(self.forget_set["retain"]),
        }
        return {
            key: {**value, **{part: value[part].format(**facts) for part in ("label", "description")}}
            for name in evaluation["metrics"]
            for key, value in describe_metrics(name).items()
        }

    def values(self, metric: str, *methods: str) -> pd.DataFrame:
        """The rows of one metric that have a value, of the given methods or of all."""
        table = self.metrics[(self.metrics["metric"] == metric) & self.metrics["value"].notna()]
        return table[table["method"].isin(methods)] if methods else table

    def run(self, method: str, seed: int) -> Path:
        """The folder of one run."""
        return self.folder / f"seed{seed}" / method

    def trajectory(self, file: str) -> pd.DataFrame:
        """`steps.csv` or `measurements.csv` of all runs, with their method and seed."""
        tables = [
            pd.read_csv(self.run(method, seed) / file).assign(method=method, seed=seed)
            for method in self.methods
            for seed in self.experiment["seeds"]
        ]
        return pd.concat(tables, ignore_index=True)

    def samples(self, method: str, seed: int) -> dict[str, np.ndarray]:
        """The judged samples of a run: `latents` (N, D), `classes` (N,) and the first `images` (n, C, H, W) uint8."""
        with np.load(self.run(method, seed) / "samples.npz") as file:
            return dict(file)

    def completions(self, method: str, seed: int, group: str, *names: str) -> dict[str, np.ndarray]:
        """Arrays of `metrics.CompletionSet` by name, as far as stored; without any if the run diverged."""
        with np.load(self.run(method, seed) / "samples.npz") as file:
            return {name: file[f"{group}.{name}"] for name in names if f"{group}.{name}" in file}

    @property
    def by_group(self) -> dict[str, str]:
        """Labels of the metrics that have a value for each group of images, by name without the group."""
        ending, named = "_heldout_retain", f" {GROUPS['heldout_retain']}"
        return {
            name.removesuffix(ending): described["label"].removesuffix(named)
            for name, described in self.described.items()
            if name.endswith(ending)
        }

    def verdicts(self) -> pd.DataFrame:
        """The comparison with published numbers, see `published.COLUMNS`."""
        return pd.read_csv(self.folder / "verdicts.csv")

    def diverged(self) -> str:
        """One sentence on which methods lost runs, for captions; empty where none did."""
        runs = self.metrics.drop_duplicates(["method", "seed"])
        lost = runs[runs["status"] == "diverged"].groupby("method", sort=False).size()
        counts = ", ".join(f"{method} ({count} of {len(self.experiment['seeds'])})" for method, count in lost.items())
        return f"Runs that diverged have no values: {counts}. " if counts else ""

    def conditions(self) -> str:
        """One sentence on what every number rests on, for captions."""
        seeds, images = len(self.experiment["seeds"]), len(self.forget_set["forget"])
        named = ", ".join(self.forgotten[:NAMED]) + (", …" if len(self.forgotten) > NAMED else "")
        of = f" of {len(self.forgotten)} classes ({named})" if len(self.forgotten) > NAMED else f" of class {named}"
        of = of if self.forgotten else ""
        return (
            f"{self.experiment['title']}: {images} training image{'s' if images > 1 else ''}{of} to forget, "
            f"{len(self.forget_set['retain'])} to retain; {seeds} seed{'s' if seeds > 1 else ''}; "
            f"judge {100 * self.judge['heldout_accuracy']:.1f} % right on "
            f"{self.judge['heldout_images']} held-out images{self._recognised()}."
        )

    def _recognised(self) -> str:
        """How well the judge knows what is forgotten: of a rare class, its accuracy alone does not tell."""
        if not self.forgotten:
            return ""
        confusion = np.array(self.judge["confusion_true_by_predicted"])
        forgotten = np.isin(np.arange(len(confusion)), self.forget_set["forgotten_classes"])
        taken = confusion[:, forgotten].sum(axis=1)
        return (
            f": of the {confusion[forgotten].sum()} to forget it recognises {taken[forgotten].sum()}, and takes "
            f"{taken[~forgotten].sum()} of the {confusion[~forgotten].sum()} others for such"
        )

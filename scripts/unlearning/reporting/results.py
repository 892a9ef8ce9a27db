"""The results of one experiment, read back for tables and figures."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from unlearning.config.experiment import algorithm_of, bound_of, method_constant, references_of, remember_files
from unlearning.data.dataset import class_names
from unlearning.data.description import describe_dataset
from unlearning.evaluation.description import describe_columns, describe_metrics
from unlearning.io.files import read_json
from unlearning.plugins.describe import describe_plugin, plugin_constant
from unlearning.reporting.runs import Runs
from unlearning.runtime.failures import FAILED


def label_with_unit(description: dict) -> str:
    """Return the label of a metric with its unit in brackets, or the label alone if the unit is ''."""
    return f"{description['label']} ({description['unit']})" if description["unit"] else description["label"]


@dataclass(frozen=True)
class Results(Runs):
    """The results of one experiment, from which tables and figures are made.

    Attributes:
        judge: Measured accuracy of the judge, the content of its `accuracy.json`.
        guide: The same of the guide, or None if the experiment has no guide.
        forget_set: Content of `forget_set.json`.

    Example:
        >>> results = Results.read(experiment, table, accuracy, forget_set)
        >>> results.values("forget_fraction", "retrain")["value"].mean()
    """

    judge: dict
    guide: dict | None
    forget_set: dict

    @classmethod
    def read(cls, experiment: dict, table: Path, accuracy: list[Path], forget_set: Path) -> "Results":
        """Read what is small. The methods of `Runs` read the large files of single runs when they are called.

        Args:
            experiment: Configuration of the experiment.
            table: `metrics.csv`. The folders of the runs lie beside it.
            accuracy: `accuracy.json` of the judge and, if there is one, of the guide.
            forget_set: `forget_set.json`.

        Returns:
            The results.
        """
        return cls(
            experiment=experiment,
            folder=table.parent,
            metrics=pd.read_csv(table),
            judge=read_json(accuracy[0]),
            guide=read_json(accuracy[1]) if len(accuracy) > 1 else None,
            forget_set=read_json(forget_set),
        )

    @classmethod
    def of_folder(cls, folder: Path) -> "Results":
        """Read the results of a finished run from their folder, with the configuration that its manifest names."""
        accuracy = [path for name in ("judge", "guide") if (path := folder / name / "accuracy.json").is_file()]
        configuration = read_json(folder / "manifest.json")["configuration"]
        remember_files(configuration)
        return cls.read(configuration, folder / "metrics.csv", accuracy, folder / "forget_set.json")

    @property
    def rows(self) -> list[str]:
        """The references, then the methods."""
        return [*references_of(self.experiment), *self.methods]

    @property
    def baselines(self) -> list[str]:
        """The rows of methods that declare `BASELINE = True`, under the method's name."""
        return [
            row
            for row in self.methods
            if row == algorithm_of(self.experiment, row) and method_constant(self.experiment, row, "BASELINE", False)
        ]

    @property
    def classes(self) -> list[str]:
        """Names of the classes that the judge distinguishes."""
        return class_names(self.experiment["forget_set"], describe_dataset(self.experiment["dataset"]))

    @property
    def forgotten(self) -> list[str]:
        """Names of the classes that are to be forgotten as a whole."""
        return [self.classes[number] for number in self.forget_set["forgotten_classes"]]

    @property
    def features(self) -> str:
        """The network whose features the distances between sets of images use."""
        return {"judge": "judge", "inception": "Inception"}[self.experiment["evaluation"].get("features", "judge")]

    @property
    def embeddings(self) -> str:
        """The name of the embeddings of completed images."""
        return "CLIP embeddings" if "embedding" in self.experiment["evaluation"] else f"{self.features} features"

    @property
    def descriptions(self) -> dict[str, dict]:
        """Label, unit, description, panel and further entries of every metric, in the order of the configuration."""
        return {
            metric: self._with_facts(description) | describe_columns(file)[metric]
            for file in self.experiment["evaluation"]["metrics"]
            for metric, description in describe_metrics(file).items()
        }

    @property
    def descriptions_by_group(self) -> dict[str, dict]:
        """Label, unit and description of the metrics with a value for each group, by the name without the group."""
        return {
            metric: self._with_facts(description)
            for file in self.experiment["evaluation"]["metrics"]
            for metric, description in describe_plugin("metrics", file).items()
            if description.get("by_group")
        }

    @property
    def notes(self) -> list[str]:
        """What the files of the metrics declare as `NOTE`, for the caption of the main table."""
        notes = [plugin_constant("metrics", file, "NOTE") for file in self.experiment["evaluation"]["metrics"]]
        return [self._filled(note) for note in notes if note]

    @cached_property
    def _means(self) -> dict[str, str]:
        """The mean of each metric over all runs as text, '–' for a metric without a value."""
        means = self.metrics.groupby("metric")["value"].mean().dropna()
        return defaultdict(lambda: "–", {metric: f"{mean:.4g}" for metric, mean in means.items()})

    def _with_facts(self, description: dict) -> dict:
        return {**description, **{part: self._filled(description[part]) for part in ("label", "description")}}

    def _filled(self, text: str) -> str:
        """Replace the placeholders that a metric's file may use, such as `{features}`."""
        return text.format(
            features=f"{self.features} features",
            embeddings=self.embeddings,
            samples=self.experiment["evaluation"]["samples"],
            pooled=self.experiment["evaluation"]["samples"] * (len(self.experiment["seeds"]) - 1),
            margin=f"{100 * self.experiment['evaluation'].get('margin', 0):g}",
            retained=len(self.forget_set["retain"]),
            bound={"elbo": "ELBO", "importance_weighted": "IWAE bound"}[bound_of(self.experiment["evaluation"])],
            other_seeds=len(self.experiment["seeds"]) - 1,
            values=self._means,
            guide_accuracy=f"{100 * self.guide['heldout_accuracy']:.1f}" if self.guide else "–",
        )

    @property
    def facts(self) -> dict:
        """The facts that every template of a caption knows."""
        return {
            "title": self.experiment["title"],
            "seeds": len(self.experiment["seeds"]),
            "forget_images": len(self.forget_set["forget"]),
            "retain_images": len(self.forget_set["retain"]),
            "forgotten": self.forgotten,
            "judge_accuracy": f"{100 * self.judge['heldout_accuracy']:.1f}",
            "judge_images": self.judge["heldout_images"],
            "recognition": self._recognition(),
            "diverged": self._count_runs("diverged"),
            "failed": self._count_runs(FAILED),
            "features": self.features,
        }

    def _recognition(self) -> dict | None:
        """How well the judge recognises the forgotten classes: the accuracy does not tell for a rare class.

        Returns:
            Numbers of held-out images: `forgotten` of a forgotten class, `correct` of these, `others`, and
            `mistaken` of the others, which the judge classifies as a forgotten class. None without forgotten classes.
        """
        if not self.forgotten:
            return None
        confusion = np.array(self.judge["confusion_true_by_predicted"])
        forgotten = np.isin(np.arange(len(confusion)), self.forget_set["forgotten_classes"])
        predicted = confusion[:, forgotten].sum(axis=1)
        return {
            "forgotten": confusion[forgotten].sum(),
            "correct": predicted[forgotten].sum(),
            "others": confusion[~forgotten].sum(),
            "mistaken": predicted[~forgotten].sum(),
        }

    def _count_runs(self, status: str) -> dict[str, int]:
        """The number of runs with a status of each method that has any."""
        return self.runs[self.runs["status"] == status].groupby("method", sort=False).size().to_dict()

    def why_empty(self, method: str) -> str:
        """Why runs of a method have no values: 'diverged', 'failed', or both words."""
        statuses = self.runs.loc[self.runs["method"] == method, "status"]
        return " or ".join(sorted(set(statuses) - {"finished"}))

    def values(self, metric: str, *methods: str) -> pd.DataFrame:
        """Select the runs that have a value of a metric.

        Args:
            metric: Name of the metric.
            methods: Rows to select; without any, all rows.

        Returns:
            Rows of `metrics`.
        """
        table = self.metrics[(self.metrics["metric"] == metric) & self.metrics["value"].notna()]
        return table[table["method"].isin(methods)] if methods else table

    def verdicts(self) -> pd.DataFrame:
        """Read the verdicts on published numbers, with the columns `published.COLUMNS`."""
        return pd.read_csv(self.folder / "verdicts.csv")

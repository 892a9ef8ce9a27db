"""The runs of one experiment, and the files that they left, read back for figures."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from unlearning.io.tensors import read_tensors
from unlearning.plugins.describe import completes
from unlearning.runtime.failures import FAILED


@dataclass(frozen=True)
class Runs:
    """The runs of one experiment. The methods read the large files of single runs when they are called.

    Attributes:
        experiment: Configuration of the experiment.
        folder: Folder of the experiment's results.
        metrics: Tidy table of all metrics of all runs, see `summary.tidy`.
    """

    experiment: dict
    folder: Path
    metrics: pd.DataFrame

    @property
    def methods(self) -> list[str]:
        """The rows of methods, in the order of the configuration."""
        return list(self.experiment["methods"])

    @property
    def completing(self) -> bool:
        """Whether the model completes images, instead of generating them."""
        (model,) = self.experiment["model"]
        return completes(model)

    @property
    def runs(self) -> pd.DataFrame:
        """One row of `metrics` for each run."""
        return self.metrics.drop_duplicates(["method", "seed"])

    def has_failed(self, method: str, seed: int) -> bool:
        """Whether a run failed, so that its folder may lack files."""
        run = (self.runs["method"] == method) & (self.runs["seed"] == seed)
        return (self.runs.loc[run, "status"] == FAILED).any()

    @property
    def shown_seed(self) -> int:
        """The seed that figures of a single seed show: the first one whose original model did not fail."""
        return next(seed for seed in self.experiment["seeds"] if not self.has_failed("original", seed))

    def why_missing(self, row: str, seed: int) -> str:
        """Why one run has no model at its end: 'diverged', 'failed', or '' if the run finished."""
        run = self.runs[(self.runs["method"] == row) & (self.runs["seed"] == seed)]
        return "".join(set(run["status"]) - {"finished"})

    def run(self, method: str, seed: int) -> Path:
        """Return the folder of one run."""
        return self.folder / f"seed{seed}" / method

    def trajectory(self, file: str, *columns: str) -> pd.DataFrame:
        """Read columns of `steps.csv` or `measurements.csv` of the runs of methods.

        Args:
            file: Name of the file.
            columns: Names of the columns besides `step`.

        Returns:
            The columns, with `method` and `seed`. No row if all runs have failed.
        """
        tables = [
            pd.read_csv(self.run(method, seed) / file, usecols=["step", *columns]).assign(method=method, seed=seed)
            for method in self.methods
            for seed in self.experiment["seeds"]
            if not self.has_failed(method, seed)
        ]
        none = pd.DataFrame(columns=["step", *columns, "method", "seed"], dtype=float)
        return pd.concat(tables, ignore_index=True) if tables else none

    def samples(self, method: str, seed: int) -> dict[str, np.ndarray]:
        """Read the samples of a run that the judge classified.

        Args:
            method: Name of the row.
            seed: Seed of the run.

        Returns:
            `latents` (N, D), `classes` (N,), and `images` (n, C, H, W) uint8 of the first n samples. Images and classes
            are empty if the run diverged or failed.
        """
        if self.has_failed(method, seed):
            return {"classes": np.zeros(0, int), "images": np.zeros((0, 1, 1, 1), np.uint8)}
        with np.load(self.run(method, seed) / "samples.npz") as file:
            return {name: file[name] for name in ("images", "classes", "latents") if name in file}

    def originality(self, method: str, seed: int) -> dict[str, np.ndarray]:
        """Read the arrays of the metric `originality` of a run; none if the run diverged or failed."""
        prefix = "originality."
        if self.has_failed(method, seed):
            return {}
        with np.load(self.run(method, seed) / "samples.npz") as file:
            return {name.removeprefix(prefix): file[name] for name in file if name.startswith(prefix)}

    def by_label(self, method: str, seed: int) -> dict[str, np.ndarray]:
        """Read what a run of a model with K labels made under each label, the null label last.

        Args:
            method: Name of the row.
            seed: Seed of the run.

        Returns:
            `images` (K + 1, n, C, H, W) uint8, from the same n latents for each label, and the arrays of the metric
            `labels`; none if the run diverged or failed.
        """
        if self.has_failed(method, seed):
            return {}
        with np.load(self.run(method, seed) / "samples.npz") as file:
            names = [name for name in file if name.startswith(("by_label.", "labels."))]
            return {name.partition(".")[2]: file[name] for name in names}

    def transformation(self, method: str, seed: int) -> dict[str, np.ndarray]:
        """Read what a run showed of the probes in its course.

        Probes are a few latents, or a few images to complete, that all models of a seed show.

        Args:
            method: Name of a method's row.
            seed: Seed of the run.

        Returns:
            `steps` (S,), `images` (S, n, C, H, W) uint8 after each of these steps, and `forgotten` (n,), whether the
            original's image, or the image to complete, is to be forgotten; none if the run failed.
        """
        if self.has_failed(method, seed):
            return {}
        with np.load(self.run(method, seed) / "transformation.npz") as file:
            return dict(file)

    def probes(self, row: str, seed: int) -> np.ndarray | None:
        """Read what the model of a row makes of the probes, see `transformation`.

        Args:
            row: Name of the row.
            seed: Seed of the runs.

        Returns:
            (n, C, H, W) uint8; None if the run diverged or failed. For the original, None if all methods failed, whose
            runs show it before their first step.
        """
        if row == "retrain":
            return read_tensors(self.folder / "reference.safetensors")[0].get(f"{seed}.shown")
        if row == "original":
            run = self._any_run(seed)
            return run["images"][0] if run else None
        finished = not self.why_missing(row, seed)
        return self.transformation(row, seed)["images"][-1] if finished else None

    def probes_of_forgotten(self, seed: int) -> np.ndarray:
        """Whether each of the probes (n,) is of what is to be forgotten, see `transformation`; one False if unknown."""
        return self._any_run(seed).get("forgotten", np.zeros(1, bool))

    def _any_run(self, seed: int) -> dict[str, np.ndarray]:
        """The transformation of the first method whose run did not fail; none if all failed."""
        return next((run for run in (self.transformation(row, seed) for row in self.methods) if run), {})

    def completions(self, method: str, seed: int, group: str, *names: str) -> dict[str, np.ndarray]:
        """Read arrays of the completed images of a run.

        Args:
            method: Name of the row.
            seed: Seed of the run.
            group: Group of images, a key of `GROUPS`.
            names: Names of arrays, attributes of `CompletionSet`.

        Returns:
            The arrays that are stored, by name; none if the run diverged or failed.
        """
        if self.has_failed(method, seed):
            return {}
        with np.load(self.run(method, seed) / "samples.npz") as file:
            return {name: file[f"{group}.{name}"] for name in names if f"{group}.{name}" in file}

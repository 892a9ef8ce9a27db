"""What every run of an experiment is compared with: the file that `scripts/build_reference.py` writes."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unlearning.data.forget_set import GROUPS
from unlearning.evaluation.evidence import LabelSamples, SampleSet
from unlearning.io.tensors import read_tensors

UNSEEN = tuple(group for group in GROUPS if group != "retain")  # groups that no retrained model was trained on


@dataclass(frozen=True)
class Reference:
    """Features of real images, and samples or completions of the retrained models.

    Attributes:
        arrays: by name; `scripts/build_reference.py` lists them.
        seeds: of the retrained models.
        other_seed: seed of the retrained model that a run is compared with. It is not the run's own seed, so that the
            retrained model itself gets a fair value. None if there is only one seed.
        draws: number of draws of noise of each loss; None without losses.
        noise_share: share of the Monte Carlo noise in the losses, see `likelihood.noise_share`; None if not measured.
    """

    arrays: dict[str, np.ndarray]
    seeds: list[int]
    other_seed: int | None
    draws: int | None = None
    noise_share: float | None = None

    @classmethod
    def load(cls, path: Path, other_seed: int | None) -> "Reference":
        """Read a reference for runs that are compared with the retrained model of `other_seed`."""
        arrays, header = read_tensors(path)
        return cls(arrays, header["seeds"], other_seed, header.get("draws"), header.get("noise_share"))

    def fields(self, seed: int) -> dict:
        """The fields of `Evidence` that rest on the reference, for a run of some seed."""
        retrained, published_reference = None, None
        if f"{self.other_seed}.features" in self.arrays:
            names = (field.name for field in dataclasses.fields(SampleSet))
            retrained = SampleSet(**{name: self.arrays[f"{self.other_seed}.{name}"] for name in names})
        if "published.mean" in self.arrays:
            published_reference = self.arrays["published.mean"], self.arrays["published.covariance"]
        return {
            "retain_features": self.arrays["retain.features"],
            "forget_features": self.arrays["forget.features"],
            "retrained": retrained,
            "retrained_counts": self._retrained_counts(seed),
            "retrained_losses": self._retrained_losses(seed),
            "retrained_by_label": self._retrained_by_label(),
            "published_reference": published_reference,
            "loss_draws": self.draws,
            "noise_share": self.noise_share,
        }

    def _retrained_counts(self, seed: int) -> np.ndarray | None:
        """Class counts (M, K) by each network of the judge, of the samples of all retrained models of other seeds."""
        names = [f"{other}.class_counts" for other in self.seeds if other != seed]
        return sum(self.arrays[name] for name in names) if names and names[0] in self.arrays else None

    def _retrained_by_label(self) -> LabelSamples | None:
        """Samples under each label of the other seed's retrained model."""
        names = [field.name for field in dataclasses.fields(LabelSamples)]
        if f"{self.other_seed}.by_label.{names[0]}" not in self.arrays:
            return None
        return LabelSamples(**{name: self.arrays[f"{self.other_seed}.by_label.{name}"] for name in names})

    def _retrained_losses(self, seed: int) -> dict[str, np.ndarray]:
        """Losses (K, n) of each group in `UNSEEN` by the K retrained models of other seeds, as far as measured."""
        others = [other for other in self.seeds if other != seed and f"{other}.losses.{UNSEEN[0]}" in self.arrays]
        if not others:
            return {}
        return {group: np.stack([self.arrays[f"{other}.losses.{group}"] for other in others]) for group in UNSEEN}

    def true_features(self, group: str) -> np.ndarray:
        """Features (n, F) of the images of a group that a model completes."""
        return self.arrays[f"{group}.true_features"]

    def retrained_completions(self, group: str) -> np.ndarray | None:
        """Completions (n, C, H, W) uint8 of a group by the other seed's retrained model; None without such a seed."""
        return self.arrays.get(f"{self.other_seed}.{group}")

"""What a metric computes from: everything that is known of one run."""

import math
from dataclasses import asdict, dataclass, field

import numpy as np

from unlearning.data.dataset import Dataset


@dataclass(frozen=True)
class Value:
    """A number, with the 95 % interval where one is known.

    `value` is None where the metric does not exist for a run. `censored`: the event was not seen
    by the end of the run, and `value` is only a lower bound.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    censored: bool = False

    def as_json(self) -> dict:
        """The fields as JSON can hold them; 'inf' and 'nan', which a ruined model can reach, as text."""
        return {
            name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True)
class SampleSet:
    """Generated images: features (N, F), of the judge or of Inception, and the judge's class numbers (N,)."""

    features: np.ndarray
    classes: np.ndarray


@dataclass(frozen=True)
class CompletionSet:
    """Completed images of one group of real images, and what the judge sees in them.

    images: the true ones, (n, C, H, W) uint8. hidden: (n, 1, H, W) bool, the pixels to be filled in.
    completed: (n, C, H, W) uint8. labels: (n,) true class numbers; classes: (n,) those that the judge sees in
    the completed images. features, true_features: (n, F), of the judge or of Inception, of the completed and of
    the true images. probabilities: (n, K), by the same network, of the classes of the completed images.
    embeddings, true_embeddings: (n, D), by CLIP where there is one, or else the features.
    retrained: (n, C, H, W) uint8, by a retrained model of another seed; None if there is no other seed.
    """

    images: np.ndarray
    hidden: np.ndarray
    completed: np.ndarray
    labels: np.ndarray
    classes: np.ndarray
    features: np.ndarray
    true_features: np.ndarray
    probabilities: np.ndarray
    embeddings: np.ndarray
    true_embeddings: np.ndarray
    retrained: np.ndarray | None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that is known of one run, and what it is compared with.

    samples: of the run's model; None if the run diverged, or if the model completes images.
    completions: by group of images, of a model that completes images; empty otherwise, or if the run diverged.
    probabilities: (N, K) class probabilities of the samples, by the network that gives the features.
    images: the samples themselves, (N, C, H, W) uint8; None where `samples` is.
    retrained: samples of a retrained model of another seed; None if there is no other seed.
    retain_features: (N, F) of the retained training images.
    published_features: (N, G) of the samples, a reference's decoded in train mode, by Inception or the guide; None
        where there is no guide. published_reference: mean (G,) and covariance (G, G) of all training images' features.
    data: all real images. groups: their indices, by group, see `ForgetSet`.
    losses: per-image losses (n,) of the run's model, by group of images; empty if the run diverged.
    retrained_losses: the same (K, n) of K retrained models of other seeds, without the retain set; empty if
        there is no other seed.
    steps: per-step arrays by column, see `unlearning_run.Run`; empty for a reference.
    measurements: arrays `step`, `forgotten`, `samples`; empty where nothing was measured.
    record: what the training or unlearning job wrote down about itself.
    """

    samples: SampleSet | None = None
    probabilities: np.ndarray | None = None
    images: np.ndarray | None = None
    retrained: SampleSet | None = None
    retain_features: np.ndarray
    published_features: np.ndarray | None = None
    published_reference: tuple[np.ndarray, np.ndarray] | None
    data: Dataset
    groups: dict[str, list[int]]
    losses: dict[str, np.ndarray]
    retrained_losses: dict[str, np.ndarray]
    record: dict
    classes: int
    forgotten_classes: list[int]
    threshold: float | None
    completions: dict[str, CompletionSet] = field(default_factory=dict)
    steps: dict[str, np.ndarray] = field(default_factory=dict)
    measurements: dict[str, np.ndarray] = field(default_factory=dict)

    def has(self, needed: str) -> bool:
        """Whether the run has what a metric needs."""
        return {
            "samples": self.samples is not None,
            "completions": bool(self.completions),
            "drift": "encoder_drift" in self.record,
            "losses": bool(self.losses),
            "trajectory": bool(self.steps),
            "guide": self.published_features is not None or bool(self.steps),  # a diverged run has its steps alone
            "cost": True,
        }[needed]

    def members(self, scores: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Scores (n,) of the forget set, out of those by group, and its labels (n,)."""
        return self._of(scores, "forget")

    def non_members(self, scores: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Scores (m,) of all held-out images and their labels (m,)."""
        return self._of(scores, "heldout_forget", "heldout_retain")

    def _of(self, scores: dict[str, np.ndarray], *groups: str) -> tuple[np.ndarray, np.ndarray]:
        indices = np.concatenate([self.groups[group] for group in groups]).astype(int)
        return np.concatenate([scores[group] for group in groups]), self.data.labels[indices]

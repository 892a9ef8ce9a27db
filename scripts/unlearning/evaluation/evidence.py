"""What a metric computes from: everything that is known of one run."""

import math
from dataclasses import asdict, dataclass, field

import numpy as np

from unlearning.data.dataset import Dataset


@dataclass(frozen=True)
class Value:
    """A number, with its 95 % interval where one is known.

    Attributes:
        value: the number; None if the metric does not exist for a run.
        low: lower end of the interval.
        high: upper end of the interval.
        censored: whether `value` is only a lower bound, because the event did not happen in the run or because of
            `undecided`.
        undecided: whether it is not known that the event happened. Then `value` is the last step, or its time, at which
            the event had surely not happened.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    censored: bool = False
    undecided: bool = False

    def as_json(self) -> dict:
        """The fields for JSON. Infinity and NaN, which a ruined model can reach, become 'inf' and 'nan'."""
        return {
            name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True)
class SampleSet:
    """Generated images, as the evaluators see them.

    Attributes:
        features: (N, F), of the judge or of Inception.
        classes: (N,) class numbers by the judge.
        class_counts: (M, K) how many samples each of the judge's M networks assigns to each of the K classes.
    """

    features: np.ndarray
    classes: np.ndarray
    class_counts: np.ndarray


@dataclass(frozen=True)
class LabelSamples:
    """Images that a model with labels generates under each of its K labels and, last, under the null label.

    Attributes:
        features: (K + 1, n, F), of the judge or of Inception.
        classes: (K + 1, n) class numbers by the judge.
        class_counts: (K + 1, M, K) how many samples each of the judge's M networks assigns to each class.
        entropies: (K + 1, n) of the judge's class probabilities, in nats.
    """

    features: np.ndarray
    classes: np.ndarray
    class_counts: np.ndarray
    entropies: np.ndarray


@dataclass(frozen=True)
class CompletionSet:
    """Completed images of one group of real images, and what the evaluators see in them.

    Attributes:
        images: (n, C, H, W) uint8, the true images.
        hidden: (n, 1, H, W) bool, the pixels that the model fills in.
        completed: (n, C, H, W) uint8.
        labels: (n,) true class numbers.
        classes: (n,) class numbers of the completed images by the judge.
        features: (n, F) of the completed images, of the judge or of Inception.
        true_features: (n, F) of the true images.
        probabilities: (n, K) class probabilities of the completed images, by the network that gives the features.
        embeddings: (n, D) of the completed images by CLIP, or their features if the experiment names no CLIP.
        true_embeddings: (n, D) of the true images.
        retrained: (n, C, H, W) uint8, completed by a retrained model of another seed; None if there is no other seed.
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
    """All that is known of one run, and what the run is compared with.

    Attributes:
        data: all real images.
        groups: indices of the real images by group, see `ForgetSet`.
        forgotten_classes: class numbers that no retained training image has.
        threshold: share of samples of a forgotten class at which a run has unlearned; None if the experiment has none.
        margin: by how much this share may exceed that of retrained models; None if the experiment has none.
        record: what the training or unlearning job wrote about itself.
        steps: columns (S,) of the unlearning steps, see `UnlearningResult`; empty for a reference.
        measurements: columns of `measurements.csv`; empty if nothing was measured.
        retain_features: (N, F) of the retained training images.
        forget_features: (M, F) of the training images to forget.
        retrained: samples of a retrained model of another seed; None if there is no other seed.
        retrained_counts: (M, K) class counts by each network of the judge, of the samples of all models that were
            retrained with other seeds; None if there is no other seed.
        retrained_losses: for each group except the retain set, the losses (K, n) of the K models that were retrained
            with other seeds; empty if there is no other seed.
        loss_draws: number of draws of noise of each of these losses; None without losses.
        noise_share: share of Monte Carlo noise in the variance of these losses between models, see
            `likelihood.noise_share`; None if not measured.
        published_reference: mean (G,) and covariance (G, G) of all training images' published features; None if the
            experiment has no guide.
        samples: samples of the run's model; None if the run diverged or if the model completes images.
        probabilities: (N, K) class probabilities of the samples, by the network that gives the features.
        images: (N, C, H, W) uint8, the samples themselves; None where `samples` is.
        published_features: (N, G) of the samples by Inception or the guide. A reference's samples are decoded in train
            mode. None if the experiment has no guide or if the run diverged.
        completions: by group, of a model that completes images; empty otherwise or if the run diverged.
        by_label: of a model with labels; None otherwise, or if no metric needs it, or if the run diverged.
        retrained_by_label: the same of a retrained model of another seed; None if there is no other seed.
        losses: (n,) of the run's model for each image, by group; empty if the run diverged.
        by_statistics: numbers of samples (M, K) of each class by each of the judge's networks, and losses (n,) of
            held-out retain images, by the source of the running statistics, see
            `by_statistics.evaluate_by_statistics`; empty where no metric needs them.

    Example:
        The share of samples that the judge takes for the class 3, in a metric with `NEEDS = "samples"`::

            float((evidence.samples.classes == 3).mean())

        The page docs/add_your_own.md has a complete metric.
    """

    data: Dataset
    groups: dict[str, list[int]]
    forgotten_classes: list[int]
    threshold: float | None
    margin: float | None
    record: dict
    steps: dict[str, np.ndarray]
    measurements: dict[str, np.ndarray]
    retain_features: np.ndarray
    forget_features: np.ndarray
    retrained: SampleSet | None
    retrained_counts: np.ndarray | None
    retrained_losses: dict[str, np.ndarray]
    published_reference: tuple[np.ndarray, np.ndarray] | None
    samples: SampleSet | None = None
    probabilities: np.ndarray | None = None
    images: np.ndarray | None = None
    published_features: np.ndarray | None = None
    loss_draws: int | None = None
    noise_share: float | None = None
    completions: dict[str, CompletionSet] = field(default_factory=dict)
    by_label: LabelSamples | None = None
    retrained_by_label: LabelSamples | None = None
    losses: dict[str, np.ndarray] = field(default_factory=dict)
    by_statistics: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def has(self, need: str) -> bool:
        """Whether the run has what a metric needs.

        Args:
            need: the constant `NEEDS` of the metric's file.

        Returns:
            Whether `compute` may be called.

        Raises:
            ValueError: there is no such need.
        """
        needs = {
            "samples": self.samples is not None,
            "completions": bool(self.completions),
            "by_label": self.by_label is not None,
            "losses": bool(self.losses),
            "by_statistics": bool(self.by_statistics),
            "trajectory": bool(self.steps),
            # A reference has no steps, and a diverged run no features.
            "guide": self.published_features is not None or bool(self.steps),
            "drift": "decoder_drift" in self.record,
            "cost": True,
        }
        if need not in needs:
            raise ValueError(f"NEEDS = {need!r}: no evidence has this name; see scripts/unlearning/metrics/__init__.py")
        return needs[need]

    def members(self, scores: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Scores (n,) of the forget set, out of scores by group, and its labels (n,)."""
        return self._with_labels(scores, ["forget"])

    def non_members(self, scores: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Scores (m,) of all held-out images, out of scores by group, and their labels (m,)."""
        return self._with_labels(scores, ["heldout_forget", "heldout_retain"])

    def _with_labels(self, scores: dict[str, np.ndarray], groups: list[str]) -> tuple[np.ndarray, np.ndarray]:
        indices = np.concatenate([self.groups[group] for group in groups]).astype(int)
        return np.concatenate([scores[group] for group in groups]), self.data.labels[indices]

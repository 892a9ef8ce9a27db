"""The networks that look at images: the judge, the guide, Inception and CLIP."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from unlearning.io.hub import weights_file
from unlearning.networks.classifier import Classifier, Ensemble, classify
from unlearning.networks.clip import Clip
from unlearning.networks.inception import Inception


@dataclass(frozen=True)
class Evaluators:
    """The networks that look at images. The methods choose the network that answers.

    Images are (N, C, H, W) uint8. A method that gets the name of a cache keeps Inception's features in the file of this
    name. If the file already holds the features of the same images, the method reads them from the file.

    Attributes:
        judge: M networks that score results and that no method uses. Its features are those of the first network.
        guide: second classifier, which methods may use; None if the experiment has none.
        inception: gives features and class probabilities in place of the classifiers; None if the experiment uses the
            classifiers' features.
        clip: gives embeddings; None if the features serve as embeddings.
        folder: holds the caches; None if no method is called with the name of a cache.

    Example:
        evaluators = Evaluators.load(judge_file, None, None, torch.device("cpu"))
        features, classes, class_counts = evaluators.classify(images)
        probabilities = evaluators.probabilities(features)
    """

    judge: Ensemble
    guide: Classifier | None = None
    inception: Inception | None = None
    clip: Clip | None = None
    folder: Path | None = None

    @classmethod
    def load(
        cls,
        judge: Path,
        guide: Path | None,
        weights: Path | None,
        device: torch.device,
        embedding: dict | None = None,
        folder: Path | None = None,
    ) -> "Evaluators":
        """Load the networks that an experiment uses.

        Args:
            judge: file of the judge's networks.
            guide: file of the second classifier; None if the experiment has none.
            weights: a file beside the folder of Inception's weights; None if the experiment does not use Inception.
            device: that the networks compute on.
            embedding: the key `evaluation.embedding`, which names the weights of CLIP; None if there is no such key.
            folder: for Inception's features.

        Returns:
            The networks, in eval mode.
        """
        return cls(
            judge=Ensemble.load(judge, device),
            guide=Ensemble.load(guide, device).networks[0] if guide else None,
            inception=Inception(weights.parent / "checkpoints", device) if weights else None,
            clip=Clip(weights_file(embedding, "evaluation.embedding"), device) if embedding else None,
            folder=folder,
        )

    def classify(self, images: Tensor, cache: str | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Features (N, F), see `features`; then classes (N,) and class counts (M, K) as of `Ensemble.classify`."""
        features, classes, class_counts = self.judge.classify(images)
        if self.inception is not None:
            features = self.features(images, cache)
        return features, classes, class_counts

    def features(self, images: Tensor, cache: str | None = None) -> Tensor:
        """Features (N, F) of Inception, or of the judge where there is no Inception."""
        return self._features(self.judge.networks[0], images, cache)

    def published_features(self, images: Tensor, cache: str | None = None) -> Tensor:
        """Features (N, G) of the as-published protocol: Inception's, or the guide's where there is no Inception."""
        return self._features(self.guide, images, cache)

    def _features(self, classifier: Classifier, images: Tensor, cache: str | None) -> Tensor:
        if self.inception is None:
            return classify(classifier, images)[0]
        if cache is None:
            return self.inception.features(images)
        return self.inception.cached_features(images, self.folder / f"{cache}.safetensors")

    @torch.no_grad()
    def probabilities(self, features: Tensor) -> Tensor:
        """Class probabilities (N, K) of features (N, F), by the network that gave the features."""
        network = self.judge.networks[0] if self.inception is None else self.inception
        return network.output(features).softmax(1)

    def embeddings(self, images: Tensor, features: Tensor) -> Tensor:
        """Embeddings (N, D) of images by CLIP, or their features where there is no CLIP."""
        return features if self.clip is None else self.clip.embeddings(images)

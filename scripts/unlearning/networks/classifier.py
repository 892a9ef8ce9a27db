"""Small classifiers: the judge, which evaluates results, and the guide, which methods may use in their losses.

A classifier gives the class of an image. Its last hidden layer is also the feature space of Fréchet distances where
features of Inception would be meaningless, as on digits. The judge and the guide have different seeds or layers. A
method is therefore never judged by the classifier in its own loss.

The judge consists of several networks that were trained independently. How much they disagree shows how much a count
owes to the single network that counted.
"""

import math
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unlearning.io.tensors import read_tensors, write_tensors
from unlearning.networks.images import CHUNK, as_float

NOISE = 0.2


class Classifier(nn.Module):
    """Convolutions (or none), then linear layers, then one output per class.

    Each convolution of 3×3 pixels and stride 2 halves the image. The network has no pooling, because the gradient of
    maximum pooling is not deterministic on a GPU. A ReLU follows every layer but the output.

    Args:
        image_shape: (C, H, W).
        classes: number of classes.
        hidden_units: width of each hidden linear layer; the last one gives the features.
        convolutions: number of output channels of each convolution.
    """

    def __init__(self, image_shape: list[int], classes: int, hidden_units: list[int], convolutions: list[int] = ()):
        super().__init__()
        self.hidden_units, self.convolutions = hidden_units, list(convolutions)
        inputs, height, width = image_shape
        layers = []
        for outputs in convolutions:
            layers += [nn.Conv2d(inputs, outputs, kernel_size=3, stride=2, padding=1), nn.ReLU()]
            inputs, height, width = outputs, math.ceil(height / 2), math.ceil(width / 2)
        layers.append(nn.Flatten())
        inputs *= height * width
        for outputs in hidden_units:
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
            inputs = outputs
        self.features = nn.Sequential(*layers)
        self.output = nn.Linear(inputs, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Class scores before the softmax, (B, classes), of images (B, C, H, W) in [0, 1]."""
        return self.output(self.features(images))


class Ensemble(nn.Module):
    """Classifiers with the same layers that were trained independently: M networks of a judge, or the one of a guide.

    The first network gives the features, so that distances have one feature space.

    Args:
        networks: the M classifiers.
    """

    def __init__(self, networks: Iterable[Classifier]):
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def save(self, path: Path, image_shape: list[int]) -> None:
        """Write the weights and the arguments of the networks' constructor to the file `path`."""
        first = self.networks[0]
        header = {
            "image_shape": image_shape,
            "classes": first.output.out_features,
            "hidden_units": first.hidden_units,
            "convolutions": first.convolutions,
        }
        write_tensors(path, self.state_dict(), {"networks": len(self.networks), "layers": header})

    @classmethod
    def load(cls, path: Path, device: torch.device | str = "cpu") -> "Ensemble":
        """Read networks from a file that `save` wrote: in eval mode, with frozen weights."""
        weights, header = read_tensors(path)
        ensemble = cls(Classifier(**header["layers"]) for _ in range(header["networks"]))
        ensemble.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
        return ensemble.to(device).eval().requires_grad_(False)

    @torch.no_grad()
    def classify(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute features and classes of images.

        Args:
            images: (N, C, H, W) uint8.

        Returns:
            Features (N, F) by the first network; class numbers (N,) by the mean of all networks' probabilities; and how
            many images each network assigns to each class, (M, K).
        """
        features = [hidden_features(network, images) for network in self.networks]
        scores = torch.stack([network.output(hidden) for network, hidden in zip(self.networks, features, strict=True)])
        counts = F.one_hot(scores.argmax(2), scores.shape[2]).sum(1)
        return features[0], scores.softmax(2).mean(0).argmax(1), counts


def classifier_losses(
    classifier: Classifier, images: Tensor, labels: Tensor, generator: torch.Generator, noise: float = NOISE
) -> Tensor:
    """Compute the cross-entropy of each image after adding Gaussian noise to the pixels.

    The noise keeps a classifier from relying on single pixels, which are absent from the blurred samples of a VAE. With
    noise, the accuracy on held-out images and the agreement with a kernel classifier on samples are higher.

    Args:
        classifier: the network.
        images: (B, C, H, W) in [0, 1].
        labels: (B,) class numbers.
        generator: draws the noise.
        noise: standard deviation of the noise.

    Returns:
        (B,) in nats.
    """
    gaussian = torch.randn(images.shape, generator=generator, device=images.device)
    return F.cross_entropy(classifier(images + noise * gaussian), labels, reduction="none")


@torch.no_grad()
def classify(classifier: Classifier, images: Tensor) -> tuple[Tensor, Tensor]:
    """Compute features and classes of images.

    Args:
        classifier: the network.
        images: (N, C, H, W) uint8.

    Returns:
        Features (N, F) and class numbers (N,).
    """
    features = hidden_features(classifier, images)
    return features, classifier.output(features).argmax(1)


def hidden_features(classifier: Classifier, images: Tensor) -> Tensor:
    """The last hidden layer (N, F) of a classifier for images (N, C, H, W) uint8, a part of them at a time."""
    return torch.cat([classifier.features(as_float(chunk)) for chunk in images.split(CHUNK)])

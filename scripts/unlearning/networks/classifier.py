"""Small classifiers: the judge, which evaluates results, and the guide, which methods may use in their losses.

A classifier gives the class of an image. Its last hidden layer is also the feature space of Fréchet distances where
features of Inception would be meaningless, as on digits. The judge and the guide have different seeds or layers. A
method is therefore never judged by the classifier in its own loss.
"""

import math
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

    def save(self, path: Path, image_shape: list[int]) -> None:
        """Write the weights and the arguments of the constructor to the file `path`."""
        header = {
            "image_shape": image_shape,
            "classes": self.output.out_features,
            "hidden_units": self.hidden_units,
            "convolutions": self.convolutions,
        }
        write_tensors(path, self.state_dict(), header)

    @classmethod
    def load(cls, path: Path, device: torch.device | str = "cpu") -> "Classifier":
        """Read a classifier from a file that `save` wrote: in eval mode, with frozen weights."""
        weights, header = read_tensors(path)
        classifier = cls(**header)
        classifier.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
        return classifier.to(device).eval().requires_grad_(False)


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
    features = torch.cat([classifier.features(as_float(chunk)) for chunk in images.split(CHUNK)])
    return features, classifier.output(features).argmax(1)

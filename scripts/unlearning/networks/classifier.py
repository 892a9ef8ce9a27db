"""Small classifiers: the judge, which only scores results, and the guide, which methods may use.

A classifier tells the class of generated images, and its last hidden layer serves as the feature space
of the Fréchet distance where Inception features would be meaningless, as on digits. The two have
different seeds and layers, so that no method is scored by what it was fitted to.
"""

import math
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unlearning.io.tensors import read_tensors, write_tensors
from unlearning.networks.images import CHUNK, as_float

NOISE = 0.2


class Classifier(nn.Module):
    """Convolutions, where there are any, then linear layers, the last of them the features; one output per class.

    Every layer is followed by ReLU; a convolution of 3×3 pixels halves the image. Strides and not pooling:
    the gradient of maximum pooling is not deterministic on a GPU.

    Args:
        image_shape: (C, H, W).
        classes: number of classes.
        hidden_units: width of each hidden layer.
        convolutions: channels of each convolution.
    """

    def __init__(self, image_shape: list[int], classes: int, hidden_units: list[int], convolutions: list[int] = ()):
        super().__init__()
        channels, *size = image_shape
        convolutional = []
        for ends in pairwise([channels, *convolutions]):
            convolutional += [nn.Conv2d(*ends, kernel_size=3, stride=2, padding=1), nn.ReLU()]
            size = [math.ceil(side / 2) for side in size]
        sizes = [[channels, *convolutions][-1] * math.prod(size), *hidden_units]
        linear = [layer for ends in pairwise(sizes) for layer in (nn.Linear(*ends), nn.ReLU())]
        self.features = nn.Sequential(*convolutional, nn.Flatten(), *linear)
        self.output = nn.Linear(sizes[-1], classes)
        self.hidden_units, self.convolutions = hidden_units, list(convolutions)

    def forward(self, images: Tensor) -> Tensor:
        """Class scores (B, classes) of images (B, C, H, W) in [0, 1]."""
        return self.output(self.features(images))

    def save(self, path: Path, image_shape: list[int]) -> None:
        header = {
            "image_shape": image_shape,
            "classes": self.output.out_features,
            "hidden_units": self.hidden_units,
            "convolutions": self.convolutions,
        }
        write_tensors(path, self.state_dict(), header)

    @classmethod
    def load(cls, path: Path, device: torch.device | str = "cpu") -> "Classifier":
        weights, header = read_tensors(path)
        classifier = cls(**header)
        classifier.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
        return classifier.to(device).eval().requires_grad_(False)


def classifier_losses(
    classifier: Classifier, images: Tensor, labels: Tensor, generator: torch.Generator, noise: float = NOISE
) -> Tensor:
    """Cross-entropy (B,) on float images (B, C, H, W) with Gaussian noise of standard deviation `noise`.

    The noise keeps a classifier from resting on single pixels, which the blurred samples of a VAE do
    not have: with it, held-out accuracy and the agreement with a kernel classifier on samples rise.
    """
    gaussian = torch.randn(images.shape, generator=generator, device=images.device)
    return F.cross_entropy(classifier(images + noise * gaussian), labels, reduction="none")


@torch.no_grad()
def classify(classifier: Classifier, images: Tensor) -> tuple[Tensor, Tensor]:
    """Features (N, F) and class numbers (N,) of uint8 images (N, C, H, W)."""
    features = torch.cat([classifier.features(as_float(chunk)) for chunk in images.split(CHUNK)])
    return features, classifier.output(features).argmax(1)

"""The judge: a small classifier that only scores results; no method may see it.

It tells the class of generated images, and its last hidden layer serves as the feature space of the
Fréchet distance where Inception features would be meaningless, as on 8×8 digits.
"""

import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unlearning.images import CHUNK, as_float
from unlearning.tensors import read_tensors, write_tensors

FEATURES = 64
NOISE = 0.2


class Judge(nn.Module):
    """Two hidden layers of 256 and 64 units, the second of them the features; one output per class.

    Args:
        image_shape: (C, H, W).
        classes: number of classes.
    """

    def __init__(self, image_shape: list[int], classes: int):
        super().__init__()
        self.features = nn.Sequential(
            nn.Flatten(),
            nn.Linear(math.prod(image_shape), 256),
            nn.ReLU(),
            nn.Linear(256, FEATURES),
            nn.ReLU(),
        )
        self.output = nn.Linear(FEATURES, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Class scores (B, classes) of images (B, C, H, W) in [0, 1]."""
        return self.output(self.features(images))

    def save(self, path: Path, image_shape: list[int]) -> None:
        header = {"image_shape": image_shape, "classes": self.output.out_features}
        write_tensors(path, self.state_dict(), header)

    @classmethod
    def load(cls, path: Path, device: torch.device | str = "cpu") -> "Judge":
        weights, header = read_tensors(path)
        judge = cls(**header)
        judge.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
        return judge.to(device).eval()


def judge_losses(judge: Judge, images: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
    """Cross-entropy (B,) on float images (B, C, H, W) with Gaussian noise of standard deviation 0.2.

    The noise keeps the judge from resting on single pixels, which the blurred samples of a VAE do
    not have: with it, held-out accuracy and the agreement with a kernel classifier on samples rise.
    """
    noise = torch.randn(images.shape, generator=generator, device=images.device)
    return F.cross_entropy(judge(images + NOISE * noise), labels, reduction="none")


@torch.no_grad()
def look_at(judge: Judge, images: Tensor) -> tuple[Tensor, Tensor]:
    """Features (N, 64) and class numbers (N,) of uint8 images (N, C, H, W)."""
    features = torch.cat([judge.features(as_float(chunk)) for chunk in images.split(CHUNK)])
    return features, judge.output(features).argmax(1)

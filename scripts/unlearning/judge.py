"""The judge: a small classifier that only scores results; no method may see it.

It tells the class of generated images, and its last hidden layer serves as the feature space of the
Fréchet distance where Inception features would be meaningless, as on 8×8 digits.
"""

import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from unlearning.files import atomic_path
from unlearning.images import CHUNK, as_float

FEATURES = 64


class Judge(nn.Module):
    """Two convolutions, one hidden layer of 64 features, one output per class.

    Args:
        image_shape: (C, H, W).
        classes: number of classes.
    """

    def __init__(self, image_shape: list[int], classes: int):
        super().__init__()
        channels, height, width = image_shape
        self.features = nn.Sequential(
            nn.Conv2d(channels, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1, stride=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * ((height + 1) // 2) * ((width + 1) // 2), FEATURES),
            nn.ReLU(),
        )
        self.output = nn.Linear(FEATURES, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Class scores (B, classes) of images (B, C, H, W) in [0, 1]."""
        return self.output(self.features(images))

    def save(self, path: Path, image_shape: list[int]) -> None:
        header = {"image_shape": json.dumps(image_shape), "classes": str(self.output.out_features)}
        with atomic_path(path) as temporary:
            save_file({name: tensor.cpu() for name, tensor in self.state_dict().items()}, temporary, metadata=header)

    @classmethod
    def load(cls, path: Path, device: torch.device | str = "cpu") -> "Judge":
        with safe_open(path, framework="pt") as file:
            header = {name: json.loads(text) for name, text in file.metadata().items()}
            judge = cls(**header)
            judge.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        return judge.to(device).eval()


@torch.no_grad()
def look_at(judge: Judge, images: Tensor) -> tuple[Tensor, Tensor]:
    """Features (N, 64) and class numbers (N,) of uint8 images (N, C, H, W)."""
    features = torch.cat([judge.features(as_float(chunk)) for chunk in images.split(CHUNK)])
    return features, judge.output(features).argmax(1)

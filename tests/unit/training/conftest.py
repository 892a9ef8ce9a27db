"""A small model, images and classifiers in float32, for tests of the loop."""

import pytest
import torch

from unlearning.networks import generative
from unlearning.networks.classifier import Classifier, Ensemble

SETTINGS = {
    "retain_images": "retain",
    "steps": 12,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "optimizer": "adam",
    "batch_normalisation": "batch",
    "loss_reduction": "sum",
    "samples": 50,
    "measure": [{"until": 4, "every": 1}, {"until": 12, "every": 3}],
    "running_statistics": "retain",
}


def build():
    """A VAE of 4×4 pixels, always with the same weights."""
    return generative.build({"vae": {"hidden_units": 8, "latent_dimensions": 2}}, [1, 4, 4], seed=0)


@pytest.fixture
def parts():
    """Images and classifiers of a run."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    return {
        "retain": (torch.rand(40, 1, 4, 4, generator=generator) * 255).to(torch.uint8),
        "forget": (torch.rand(10, 1, 4, 4, generator=generator) * 128).to(torch.uint8),
        "judge": Ensemble(Classifier([1, 4, 4], 3, [16, 8]) for _ in range(2)).eval().requires_grad_(False),
        "guide": Classifier([1, 4, 4], 3, [12]).eval().requires_grad_(False),
    }

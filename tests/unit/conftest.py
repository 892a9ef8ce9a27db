"""A tiny model and tiny data, in float64, for tests of formulas."""

import pytest
import torch

from unlearning import models
from unlearning.gradients import BatchLoss, Step


@pytest.fixture
def model():
    """A VAE small enough to differentiate by hand: 4×4 pixels, 5 hidden units, 2 latent dimensions."""
    network = models.build({"vae": {"hidden_units": 5, "latent_dimensions": 2}}, [1, 4, 4], seed=3)
    return network.double().train()


@pytest.fixture
def batches():
    """A retain and a forget batch, (6, 1, 4, 4), each with its noise (6, 2)."""
    generator = torch.Generator().manual_seed(7)
    return {
        name: (
            torch.rand(6, 1, 4, 4, generator=generator, dtype=torch.float64),
            torch.randn(6, 2, generator=generator, dtype=torch.float64),
        )
        for name in ("retain", "forget")
    }


@pytest.fixture
def make_step(model, batches):
    """Make the step of a given number on the model and the batches."""

    def make(number=1):
        return Step(
            number, *(BatchLoss(model, lambda name=name: batches[name], "sum") for name in ("retain", "forget"))
        )

    return make

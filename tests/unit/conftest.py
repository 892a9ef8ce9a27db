"""A tiny model and tiny data, in float64, for tests of formulas."""

import copy
import errno
import os
import shutil
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from unlearning.networks import generative
from unlearning.networks.classifier import Classifier
from unlearning.plugins.describe import defines, describe_plugin, plugin_constant, plugin_names
from unlearning.plugins.load import load_plugin
from unlearning.training.gradients import BatchLoss
from unlearning.training.losses import histogram_loss
from unlearning.training.step import Setup, Step

# A busy machine is no fault of the code. With CI in the environment, hypothesis draws the same examples every time.
settings.register_profile("patient", settings(), deadline=None)
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def figures_are_closed():
    """Of more than twenty open ones matplotlib warns."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def model():
    """A VAE small enough to differentiate by hand: 4×4 pixels, 5 hidden units, 2 latent dimensions."""
    network = generative.build({"vae": {"hidden_units": 5, "latent_dimensions": 2}}, [1, 4, 4], seed=3)
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
def guide():
    """A classifier of 4×4 pixels into 3 classes, in float64."""
    torch.manual_seed(11)
    return Classifier([1, 4, 4], 3, [6]).double().eval().requires_grad_(False)


@pytest.fixture
def make_step(model, batches, guide, monkeypatch):
    """Make the step of a given number on the model and the batches; class 1 is to be forgotten.

    With the name of a method, the step has what that method prepares.
    """

    def make(number=1, method=None):
        prepared = None
        for module in [load_plugin("methods", name) for name in plugin_names("methods")]:  # one may use another
            if hasattr(module, "as_float"):
                monkeypatch.setattr(module, "as_float", lambda images: images.double() / 255)
        if hasattr(method and load_plugin("methods", method), "prepare"):
            pixels = {name: (images * 255).to(torch.uint8) for name, (images, _) in batches.items()}
            setup = Setup(
                teacher=copy.deepcopy(model).eval().requires_grad_(False),
                **pixels,
                batch_size=6,
                reduction="sum",
                guide=guide,
                forgotten_classes=[1],
                generator=torch.Generator().manual_seed(5),
            )
            prepared = load_plugin("methods", method).prepare(setup, **parameters_of(method))
        return Step(
            number,
            *(BatchLoss(model, lambda name=name: batches[name], "sum") for name in ("retain", "forget")),
            histogram_loss(model, guide, torch.tensor([1]), torch.Generator().manual_seed(9), 8),
            model,
            prepared,
            torch.Generator().manual_seed(13),
        )

    return make


@pytest.fixture
def full_disk(monkeypatch):
    """A disk on which every copy ends half-way; what was to be copied to it."""
    tried = []

    def copy_half(_, target, **__):
        tried.append(target)
        Path(target).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    def refuse(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(shutil, "copyfile", copy_half)
    monkeypatch.setattr(os, "link", refuse)
    return tried


def methods_of_the_vae():
    """The methods that a VAE can run: not those for models that complete images, have labels, or remove noise."""
    return [
        name
        for name in plugin_names("methods")
        if plugin_constant("methods", name, "MODELS") != "completing"
        and all(defines("vae", needed) for needed in plugin_constant("methods", name, "MODEL_HAS", ()))
    ]


def parameters_of(method):
    """Some value for every parameter that a method declares."""
    described = describe_plugin("methods", method)
    return {name: schema["enum"][0] if "enum" in schema else 10 for name, schema in described.items()}

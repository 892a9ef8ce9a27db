"""The model on the page on adding one's own can be trained, saved and sampled."""

import ast
import inspect
from types import ModuleType

import pytest
import torch
from jsonschema import Draft202012Validator

from unlearning.networks import generative
from unlearning.runtime.seeding import stream

from ...documents import file_of

CONFIGURATION = {"linear_vae": {"latent_dimensions": 3}}


@pytest.fixture
def source():
    return file_of("add_your_own", "scripts/unlearning/models/linear_vae.py")


@pytest.fixture
def example(source, monkeypatch):
    """The example as a module, which is loaded as a plug-in is."""
    module = ModuleType("linear_vae")
    exec(source, module.__dict__)
    plugins = {"models": {"linear_vae": module}}
    monkeypatch.setattr(generative, "load_plugin", lambda kind, name: plugins[kind][name])
    return module


def test_its_parameters_are_schemas_of_what_its_class_takes(source, example):
    (literal,) = [node.value for node in ast.parse(source).body if isinstance(node, ast.Assign)]
    parameters = ast.literal_eval(literal)
    assert list(inspect.signature(example.Model).parameters) == ["image_shape", *parameters]
    for schema in parameters.values():
        Draft202012Validator.check_schema(schema)
    assert Draft202012Validator(parameters["latent_dimensions"]).is_valid(3)


def test_it_learns_and_its_samples_survive_its_file(example, tmp_path):
    model = generative.build(CONFIGURATION, [1, 4, 4], seed=0)
    images = torch.rand(4, 1, 4, 4, generator=stream(0, "images"))[torch.arange(32) % 4]
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    losses = []
    for step in range(50):
        batch = model.losses(images, model.loss_noise(32, stream(step, "noise")))
        assert batch.shape == (32,)
        optimizer.zero_grad()
        batch.sum().backward()
        optimizer.step()
        losses.append(batch.sum().item())
    assert losses[-1] < losses[0] / 2
    generative.save(model, CONFIGURATION, [1, 4, 4], tmp_path / "model.safetensors")
    loaded, configuration, image_shape = generative.load(tmp_path / "model.safetensors")
    assert (configuration, image_shape) == (CONFIGURATION, [1, 4, 4])
    samples = generative.draw_samples(loaded, 5, stream(0, "samples"))
    assert (samples.shape, samples.dtype) == ((5, 1, 4, 4), torch.uint8)
    assert torch.equal(samples, generative.draw_samples(model, 5, stream(0, "samples")))
    assert not generative.completes(model)


def test_its_target_replaces_the_images_in_the_loss(example):
    model = generative.build(CONFIGURATION, [1, 4, 4], seed=0)
    images, noise = torch.rand(5, 1, 4, 4, generator=stream(0, "images")), model.loss_noise(5, stream(0, "noise"))
    assert torch.equal(model.losses(images, noise, images), model.losses(images, noise))
    assert not torch.equal(model.losses(images, noise, 1 - images), model.losses(images, noise))

"""Classifiers: good enough to judge, and the same whatever the batch."""

import numpy as np
import pytest
import torch

from unlearning.config.load import load_experiment
from unlearning.datasets import digits
from unlearning.evaluation.statistics import moments
from unlearning.metrics.fid import frechet_distance
from unlearning.networks import classifier, images
from unlearning.networks.classifier import Classifier, classifier_losses, classify
from unlearning.runtime.checkpoint import Checkpoint
from unlearning.runtime.seeding import stream
from unlearning.training.train import train


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    raw = tmp_path_factory.mktemp("raw")
    digits.fetch(raw, None)
    return digits.read(raw)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """The judge of the digits experiment, trained as it says."""
    settings = load_experiment("digits")["judge"]
    torch.manual_seed(1)
    model = Classifier([1, 8, 8], 10, settings.pop("hidden_units"))
    pixels, labels = images.as_float(torch.from_numpy(data.images)), torch.from_numpy(data.labels)
    train(
        model,
        lambda batch, generator: classifier_losses(model, pixels[batch], labels[batch], generator),
        torch.from_numpy(np.flatnonzero(data.train)),
        **settings,
        checkpoint=Checkpoint(tmp_path_factory.mktemp("judge") / "state", "key"),
    )
    return model


def test_judge_tells_held_out_digits_apart(trained, data):
    _, classes = classify(trained, torch.from_numpy(data.images[~data.train]))
    assert (classes.numpy() == data.labels[~data.train]).mean() >= 0.97


def test_features_and_distance_do_not_depend_on_the_batch_size(trained, data, monkeypatch):
    pixels = torch.from_numpy(data.images)
    distances = []
    for chunk in (7, 500, 10_000):
        monkeypatch.setattr(classifier, "CHUNK", chunk)
        features, classes = classify(trained, pixels)
        assert features.shape == (1797, 64)
        assert (classes == trained(images.as_float(pixels)).argmax(1)).all()
        distances.append(frechet_distance(*moments(features[:900].numpy()), *moments(features[900:].numpy())))
    assert distances == pytest.approx([distances[0]] * 3, rel=1e-4)


def test_judge_survives_its_file(trained, tmp_path):
    trained.save(tmp_path / "judge.safetensors", [1, 8, 8])
    loaded = Classifier.load(tmp_path / "judge.safetensors")
    assert not loaded.training
    pixels = torch.rand(5, 1, 8, 8, generator=stream(0, "test"))
    assert torch.equal(loaded(pixels), trained(pixels))


def test_convolutions_halve_the_image_before_the_hidden_layers(tmp_path):
    model = Classifier([3, 9, 12], 2, [7, 5], [4, 6])
    pixels = torch.rand(8, 3, 9, 12, generator=stream(0, "test"))
    assert [layer.in_features for layer in model.features if hasattr(layer, "in_features")] == [6 * 3 * 3, 7]
    features, classes = classify(model, (pixels * 255).to(torch.uint8))
    assert (features.shape, classes.shape) == ((8, 5), (8,))
    model.save(tmp_path / "judge.safetensors", [3, 9, 12])
    loaded = Classifier.load(tmp_path / "judge.safetensors")
    assert torch.equal(loaded(pixels), model(pixels))


def test_without_noise_the_loss_is_plain_cross_entropy(data):
    model = Classifier([1, 8, 8], 10, [16])
    pixels, labels = images.as_float(torch.from_numpy(data.images[:9])), torch.from_numpy(data.labels[:9])
    expected = torch.nn.functional.cross_entropy(model(pixels), labels, reduction="none")
    for noise, equal in ((0, True), (0.5, False)):
        losses = classifier_losses(model, pixels, labels, torch.Generator().manual_seed(0), noise)
        assert torch.equal(losses, expected) is equal

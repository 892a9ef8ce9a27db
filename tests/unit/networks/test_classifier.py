"""Classifiers: good enough to judge, and the same whatever the batch."""

import json

import numpy as np
import pytest
import torch

import train_classifier
from unlearning.config.load import load_experiment
from unlearning.data.dataset import Dataset
from unlearning.datasets import digits
from unlearning.evaluation.statistics import moments
from unlearning.metrics.fid import frechet_distance
from unlearning.networks import classifier, images
from unlearning.networks.classifier import Classifier, Ensemble, classifier_losses, classify
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
    settings.pop("networks")
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


def three(shape=(1, 8, 8)):
    torch.manual_seed(0)
    return Ensemble(Classifier(list(shape), 4, [7, 5], [3]) for _ in range(3))


def test_networks_survive_their_file(tmp_path):
    three().save(tmp_path / "judge.safetensors", [1, 8, 8])
    loaded = Ensemble.load(tmp_path / "judge.safetensors")
    assert not any(network.training for network in loaded.networks)
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    pixels = torch.rand(5, 1, 8, 8, generator=stream(0, "test"))
    for ours, original in zip(loaded.networks, three().networks, strict=True):
        assert torch.equal(ours(pixels), original(pixels))


def test_networks_classify_together_and_count_alone(monkeypatch):
    """Probabilities are averaged, and not scores or votes; the first network gives the features."""
    monkeypatch.setattr(classifier, "CHUNK", 7)
    ensemble, pixels = three(), torch.randint(0, 256, (300, 1, 8, 8), dtype=torch.uint8, generator=stream(0, "test"))
    features, classes, counts = ensemble.classify(pixels)
    scores = torch.stack([network(images.as_float(pixels)) for network in ensemble.networks]).detach().double()
    assert torch.equal(features, classify(ensemble.networks[0], pixels)[0])
    probabilities = (scores.exp() / scores.exp().sum(2, keepdim=True)).mean(0)
    assert (classes == probabilities.argmax(1)).all()
    assert [row.tolist() for row in counts] == [torch.bincount(row, minlength=4).tolist() for row in scores.argmax(2)]


def prepared(folder):
    """Thirty noisy pictures of two classes."""
    generator = np.random.default_rng(0)
    labels = np.arange(30) % 2
    pictures = generator.integers(0, 120, (30, 1, 4, 4), dtype=np.uint8) + 100 * labels[:, None, None, None]
    dataset = Dataset(
        pictures.astype(np.uint8), labels, np.empty((30, 0), np.uint8), np.arange(30) < 20, ["a", "b"], []
    )
    dataset.save(folder / "prepared.safetensors")
    return folder / "prepared.safetensors"


def train_judge(folder, dataset):
    folder.mkdir(exist_ok=True)
    names = {"model": "model.safetensors", "accuracy": "accuracy.json", "losses": "losses.csv"}
    train_classifier.main(
        classifier="judge",
        settings={"networks": 3, "hidden_units": [4], "seed": 0, "epochs": 4, "batch_size": 5, "learning_rate": 1e-3},
        attribute=None,
        device="cpu",
        code="",
        dataset=dataset,
        **{argument: folder / name for argument, name in names.items()},
    )
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("steps", [7, 16, 40])
def test_training_of_the_networks_resumes_where_it_was_cut_off(tmp_path, monkeypatch, steps):
    """Within the first network, right after it, and within the third, of sixteen steps each."""
    dataset = prepared(tmp_path)
    whole = train_judge(tmp_path / "whole", dataset)
    taken = []

    def counting(*arguments):
        taken.append(len(taken))
        if len(taken) == steps + 1:
            raise KeyboardInterrupt
        return classifier_losses(*arguments)

    monkeypatch.setattr(train_classifier, "classifier_losses", counting)
    monkeypatch.setattr(Checkpoint, "due", lambda self: True)
    with pytest.raises(KeyboardInterrupt):
        train_judge(tmp_path / "cut", dataset)
    assert train_judge(tmp_path / "cut", dataset) == whole
    assert len(taken) == 3 * 16 + 1  # no step was taken twice
    weights = [layer.flatten() for layer in Ensemble.load(tmp_path / "cut" / "model.safetensors").state_dict().values()]
    assert len({weight[0].item() for weight in weights}) == len(weights)  # nor do two networks agree
    accuracy = json.loads(whole["accuracy.json"])
    assert len(accuracy["heldout_accuracy_by_network"]) == 3
    assert accuracy["heldout_images"] == np.sum(accuracy["confusion_true_by_predicted"]) == 10


def test_convolutions_halve_the_image_before_the_hidden_layers(tmp_path):
    model = Classifier([3, 9, 12], 2, [7, 5], [4, 6])
    pixels = torch.rand(8, 3, 9, 12, generator=stream(0, "test"))
    assert [layer.in_features for layer in model.features if hasattr(layer, "in_features")] == [6 * 3 * 3, 7]
    features, classes = classify(model, (pixels * 255).to(torch.uint8))
    assert (features.shape, classes.shape) == ((8, 5), (8,))
    Ensemble([model]).save(tmp_path / "judge.safetensors", [3, 9, 12])
    (loaded,) = Ensemble.load(tmp_path / "judge.safetensors").networks
    assert torch.equal(loaded(pixels), model(pixels))


def test_without_noise_the_loss_is_plain_cross_entropy(data):
    model = Classifier([1, 8, 8], 10, [16])
    pixels, labels = images.as_float(torch.from_numpy(data.images[:9])), torch.from_numpy(data.labels[:9])
    expected = torch.nn.functional.cross_entropy(model(pixels), labels, reduction="none")
    for noise, equal in ((0, True), (0.5, False)):
        losses = classifier_losses(model, pixels, labels, torch.Generator().manual_seed(0), noise)
        assert torch.equal(losses, expected) is equal

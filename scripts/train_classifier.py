"""Train the networks of a classifier, the judge or the guide, and measure their accuracy on held-out images."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from unlearning.data.dataset import Dataset
from unlearning.io.files import sha256_of, sha256_of_file, write_csv, write_json
from unlearning.networks.classifier import NOISE, Classifier, Ensemble, classifier_losses, classify
from unlearning.networks.images import as_float
from unlearning.runtime.checkpoint import Checkpoint
from unlearning.runtime.device import explain_out_of_memory, prepare_device
from unlearning.runtime.job import run
from unlearning.runtime.seeding import stream_seed
from unlearning.training.train import train


def main(
    *,
    classifier: str,
    settings: dict,
    attribute: str | None,
    device: str,
    code: str,
    dataset: Path,
    model: Path,
    accuracy: Path,
    losses: Path,
) -> None:
    """Train on the whole training split, forgotten classes included; test on the held-out split.

    Args:
        classifier: 'judge' or 'guide'.
        settings: the key `judge` or `guide` of the experiment's configuration. A guide has one network.
        attribute: the attribute whose two values the classifier tells apart; None for the data set's classes.
        device: 'cpu', 'cuda' or 'auto'.
        code: hash of the code that runs.
        dataset: the prepared data set.
        model: Safetensors file to write: the weights.
        accuracy: JSON file to write: accuracy and confusion matrix of all networks together on the held-out split, and
            the accuracy of each network.
        losses: CSV file to write: the mean loss of each epoch, by network.
    """
    target = prepare_device(device)
    data = Dataset.load(dataset).labelled(attribute)
    image_shape, count = list(data.images.shape[1:]), settings.get("networks", 1)
    key = sha256_of([settings, attribute, code, target.type, sha256_of_file(dataset)])
    finished = Checkpoint(model.with_suffix(".networks.resume"), key)
    state = finished.load() or {"weights": [], "losses": []}
    with explain_out_of_memory(f"{classifier}.batch_size", settings["batch_size"]):
        images, labels = torch.from_numpy(data.images).to(target), torch.from_numpy(data.labels).to(target)
        training = torch.from_numpy(np.flatnonzero(data.train)).to(target)
        networks = [build(settings, image_shape, len(data.classes), number).to(target) for number in range(count)]
        for network, weights in zip(networks, state["weights"], strict=False):
            network.load_state_dict(weights)
        for number in range(len(state["weights"]), count):
            checkpoint = Checkpoint(model.with_suffix(".resume"), sha256_of([key, number]))
            curve = train_network(networks[number], images, labels, training, settings, number, checkpoint)
            checkpoint.remove()
            state["weights"].append(networks[number].state_dict())
            state["losses"].append(curve)
            finished.save(state)
        ensemble = Ensemble(networks).eval()
        report = describe_accuracy(ensemble, images[torch.from_numpy(~data.train)], data.labels[~data.train])
    ensemble.save(model, image_shape)
    write_json(accuracy, report)
    rows = [(number, *row) for number, curve in enumerate(state["losses"]) for row in enumerate(curve, start=1)]
    write_csv(losses, ("network", "epoch", "loss"), rows)
    finished.remove()


def network_seed(settings: dict, number: int) -> int:
    """The seed of one network, counted from 0. A generative model of the same seed shares no stream with it."""
    return stream_seed(settings["seed"], f"classifier {number}")


def build(settings: dict, image_shape: list[int], classes: int, number: int) -> Classifier:
    """A freshly initialised network.

    Args:
        settings: of the classifier.
        image_shape: (C, H, W).
        classes: number of classes.
        number: of the network, from 0.

    Returns:
        The network, on the CPU.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(network_seed(settings, number), "initialisation"))
        return Classifier(image_shape, classes, settings["hidden_units"], settings.get("convolutions", []))


def train_network(
    network: Classifier,
    images: Tensor,
    labels: Tensor,
    training: Tensor,
    settings: dict,
    number: int,
    checkpoint: Checkpoint,
) -> list[float]:
    """Train one network, which is changed in place.

    Args:
        network: the network.
        images: (N, C, H, W) uint8.
        labels: (N,) class numbers.
        training: (n,) indices of the training images.
        settings: of the classifier.
        number: of the network, from 0.
        checkpoint: where the training of this network is saved and resumed from.

    Returns:
        The mean loss of each epoch.
    """

    def losses(indices: Tensor, generator: torch.Generator) -> Tensor:
        noise = settings.get("noise", NOISE)
        return classifier_losses(network, as_float(images[indices]), labels[indices], generator, noise)

    loop = {name: settings[name] for name in ("epochs", "batch_size", "learning_rate")}
    return train(network, losses, training, **loop, seed=network_seed(settings, number), checkpoint=checkpoint).losses


def describe_accuracy(ensemble: Ensemble, images: Tensor, labels: np.ndarray) -> dict:
    """Measure networks on held-out images.

    Args:
        ensemble: the networks, which tell K classes apart.
        images: (N, C, H, W) uint8.
        labels: (N,) true class numbers.

    Returns:
        Accuracy and confusion matrix (K, K) of the mean of all networks' probabilities, and each network's accuracy.
    """
    from sklearn.metrics import accuracy_score, confusion_matrix  # 1.3 s of import, only here

    _, predicted, counts = ensemble.classify(images)
    confusion = confusion_matrix(labels, predicted.cpu(), labels=range(counts.shape[1]))
    return {
        "heldout_accuracy": float(confusion.trace() / confusion.sum()),
        "heldout_accuracy_by_network": [
            float(accuracy_score(labels, classify(network, images)[1].cpu())) for network in ensemble.networks
        ],
        "heldout_images": int(confusion.sum()),
        "confusion_true_by_predicted": confusion.tolist(),
    }


if "snakemake" in globals():
    run(main, snakemake)

"""Train a classifier, the judge or the guide, and measure its accuracy on held-out images."""

from pathlib import Path

import numpy as np
import torch

from unlearning.data.dataset import Dataset
from unlearning.io.files import sha256_of, sha256_of_file, write_csv, write_json
from unlearning.networks.classifier import NOISE, Classifier, classifier_losses, classify
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
        settings: the key `judge` or `guide` of the experiment's configuration.
        attribute: the attribute whose two values the classifier tells apart; None for the data set's classes.
        device: 'cpu', 'cuda' or 'auto'.
        code: hash of the code that runs.
        dataset: the prepared data set.
        model: Safetensors file to write: the weights.
        accuracy: JSON file to write: the accuracy and the confusion matrix on the held-out split.
        losses: CSV file to write: the mean loss of each epoch.
    """
    target = prepare_device(device)
    data = Dataset.load(dataset).labelled(attribute)
    image_shape = list(data.images.shape[1:])
    seed = stream_seed(settings["seed"], "classifier")  # a generative model of the same seed shares no stream with it
    network = build(settings, image_shape, len(data.classes), seed)
    key = sha256_of([settings, attribute, code, target.type, sha256_of_file(dataset)])
    checkpoint = Checkpoint(model.with_suffix(".resume"), key)
    with explain_out_of_memory(f"{classifier}.batch_size", settings["batch_size"]):
        images, labels = torch.from_numpy(data.images).to(target), torch.from_numpy(data.labels).to(target)

        def batch_losses(indices: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
            noise = settings.get("noise", NOISE)
            return classifier_losses(network, as_float(images[indices]), labels[indices], generator, noise)

        result = train(
            network.to(target),
            batch_losses,
            torch.from_numpy(np.flatnonzero(data.train)).to(target),
            **{name: settings[name] for name in ("epochs", "batch_size", "learning_rate")},
            seed=seed,
            checkpoint=checkpoint,
        )
        _, predicted = classify(network, images[torch.from_numpy(~data.train)])
    network.save(model, image_shape)
    write_json(accuracy, describe_accuracy(data.labels[~data.train], predicted.cpu().numpy(), len(data.classes)))
    write_csv(losses, ("epoch", "loss"), enumerate(result.losses, start=1))
    checkpoint.remove()


def build(settings: dict, image_shape: list[int], classes: int, seed: int) -> Classifier:
    """A freshly initialised classifier.

    Args:
        settings: the widths of its layers.
        image_shape: (C, H, W).
        classes: number of classes.
        seed: the seed of the run.

    Returns:
        The classifier, on the CPU.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, "initialisation"))
        return Classifier(image_shape, classes, settings["hidden_units"], settings.get("convolutions", []))


def describe_accuracy(labels: np.ndarray, predicted: np.ndarray, classes: int) -> dict:
    """Accuracy and confusion matrix, for class numbers (N,) that are true and predicted."""
    from sklearn.metrics import confusion_matrix  # 1.3 s of import, only here

    confusion = confusion_matrix(labels, predicted, labels=range(classes))
    return {
        "heldout_accuracy": float(confusion.trace() / confusion.sum()),
        "heldout_images": int(confusion.sum()),
        "confusion_true_by_predicted": confusion.tolist(),
    }


if "snakemake" in globals():
    run(main, snakemake)

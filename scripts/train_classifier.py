"""Train a classifier, the judge or the guide, and measure how often it errs."""

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
        settings: the key of that name of its configuration.
        attribute: to tell apart instead of the data set's classes; None for those.
        device: 'cpu', 'cuda' or 'auto'.
        code: hash of the code that runs.
        dataset: prepared data set.
        model: safetensors file of the weights.
        accuracy: JSON file with its held-out accuracy and confusion matrix.
        losses: CSV file of the mean loss of each epoch.
    """
    target = prepare_device(device)
    data = Dataset.load(dataset).labelled(attribute)
    image_shape = list(data.images.shape[1:])
    seed = stream_seed(settings["seed"], "classifier")  # a generative model of the same seed shares no stream with it
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, "initialisation"))
        layers = settings["hidden_units"], settings.get("convolutions", [])
        network = Classifier(image_shape, len(data.classes), *layers)

    key = sha256_of([settings, attribute, code, target.type, sha256_of_file(dataset)])
    checkpoint = Checkpoint(model.with_suffix(".resume"), key)
    noise = settings.get("noise", NOISE)
    with explain_out_of_memory(f"{classifier}.batch_size", settings["batch_size"]):
        images, labels = torch.from_numpy(data.images).to(target), torch.from_numpy(data.labels).to(target)

        def batch_losses(chosen: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
            return classifier_losses(network, as_float(images[chosen]), labels[chosen], generator, noise)

        trained = train(
            network.to(target),
            batch_losses,
            torch.from_numpy(np.flatnonzero(data.train)).to(target),
            **{key: settings[key] for key in ("epochs", "batch_size", "learning_rate")},
            seed=seed,
            checkpoint=checkpoint,
        )
        _, predicted = classify(network, images[torch.from_numpy(~data.train)])
    confusion = np.zeros((len(data.classes),) * 2, dtype=int)
    np.add.at(confusion, (data.labels[~data.train], predicted.cpu().numpy()), 1)

    network.save(model, image_shape)
    write_json(
        accuracy,
        {
            "heldout_accuracy": float(confusion.trace() / confusion.sum()),
            "heldout_images": int(confusion.sum()),
            "confusion_true_by_predicted": confusion.tolist(),
        },
    )
    write_csv(losses, ("epoch", "loss"), enumerate(trained.losses, start=1))
    checkpoint.remove()


if "snakemake" in globals():
    run(main, snakemake)

"""Take the judge or the guide from weights that were trained elsewhere, and measure the accuracy on held-out images."""

from pathlib import Path

import torch

from train_classifier import describe_accuracy
from unlearning.data.dataset import Dataset
from unlearning.io import given_files
from unlearning.io.files import write_json
from unlearning.networks.classifier import Classifier, Ensemble
from unlearning.networks.given_weights import load_given
from unlearning.runtime.device import explain_out_of_memory, prepare_device
from unlearning.runtime.job import run


def main(
    *,
    classifier: str,
    settings: dict,
    entries: list[dict],
    attribute: str | None,
    device: str,
    dataset: Path,
    weights: list[Path],
    model: Path,
    accuracy: Path,
) -> None:
    """Write the files of a classifier that later jobs read, as `train_classifier` would.

    Args:
        classifier: 'judge' or 'guide'.
        settings: the key `judge` or `guide` of the experiment's configuration.
        entries: its key `weights` for each network, see `given_files.one_of`.
        attribute: the attribute whose two values the classifier tells apart; None for the data set's classes.
        device: 'cpu', 'cuda' or 'auto'.
        dataset: the prepared data set.
        weights: for each network, the file of weights, or the record of a fetched one.
        model: Safetensors file to write: the weights.
        accuracy: JSON file to write, see `train_classifier.describe_accuracy`.
    """
    target = prepare_device(device)
    data = Dataset.load(dataset).labelled(attribute)
    image_shape, networks = list(data.images.shape[1:]), []
    for entry, named in zip(entries, weights, strict=True):
        layers = settings["hidden_units"], settings.get("convolutions", [])
        networks.append(Classifier(image_shape, len(data.classes), *layers))
        load_given(networks[-1], given_files.file_of(entry, named), entry, f"{classifier}.weights")
    ensemble = Ensemble(networks).to(target).eval()
    with explain_out_of_memory():
        images = torch.from_numpy(data.images[~data.train]).to(target)
        report = describe_accuracy(ensemble, images, data.labels[~data.train])
    ensemble.save(model, image_shape)
    write_json(accuracy, report)


if "snakemake" in globals():
    run(main, snakemake)

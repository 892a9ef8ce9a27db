"""Train the original model on all training images, or the retrained model without the images to forget."""

from pathlib import Path

import numpy as np
import torch

from unlearning.data.dataset import Dataset
from unlearning.data.forget_set import ForgetSet
from unlearning.io.files import sha256_of, write_csv, write_json
from unlearning.io.tensors import write_tensors
from unlearning.networks import generative
from unlearning.runtime.checkpoint import Checkpoint
from unlearning.runtime.device import describe_device, explain_out_of_memory, peak_memory_mib, prepare_device
from unlearning.runtime.job import run
from unlearning.runtime.provenance import run_record
from unlearning.training.train import TrainingOptions, TrainingResult, losses_of_images, train

# Keys of `training` beside those that every training has.
OPTIONS = ("warm_up", "cosine_decay", "accumulation", "average")


def main(
    *,
    experiment: str,
    method: str,
    seed: int,
    architecture: dict,
    training: dict,
    device: str,
    code: str,
    dataset: Path,
    forget_set: Path | None,
    model: Path,
    optimizer: Path,
    losses: Path,
    record: Path,
) -> None:
    """Train one model from scratch.

    Args:
        experiment: name of the experiment.
        method: 'original' or 'retrain'.
        seed: the seed of the run.
        architecture: the key `model` of the experiment's configuration.
        training: the key `training` of the configuration.
        device: 'cpu', 'cuda' or 'auto'.
        code: hash of the code that runs.
        dataset: the prepared data set.
        forget_set: the images to leave out; None for the original, which must not depend on it.
        model: Safetensors file to write: the weights.
        optimizer: Safetensors file to write: Adam's state, from which training could continue.
        losses: CSV file to write: the mean loss of each epoch; nats per image, or a completing model's own loss.
        record: JSON file to write: status, cost and provenance.
    """
    target = prepare_device(device)
    settings = {"model": architecture, "training": training, "seed": seed}
    inputs = {"dataset": dataset} | ({"forget_set": forget_set} if forget_set else {})
    provenance = run_record(settings=settings, code=code, inputs=inputs)
    key = sha256_of([settings, code, target.type, provenance["inputs_sha256"]])
    checkpoint = Checkpoint(model.with_suffix(".resume"), key)
    data = Dataset.load(dataset)
    indices = ForgetSet.load(forget_set).never_forgotten if forget_set else np.flatnonzero(data.train)
    image_shape = list(data.images.shape[1:])
    with explain_out_of_memory("training.batch_size", training["batch_size"]):
        network = generative.build(architecture, image_shape, seed).to(target)
        result = _train(network, training, data, indices, seed, checkpoint)
    generative.save(network, architecture, image_shape, model)
    write_tensors(optimizer, result.moments)
    write_csv(losses, ("epoch", "loss"), enumerate(result.losses, start=1))
    identity = {"experiment": experiment, "method": method, "seed": seed}
    cost = {"status": "finished", "seconds": result.seconds, "peak_memory_mib": peak_memory_mib(target)}
    write_json(record, {**identity, **cost, **describe_device(target), **provenance})
    checkpoint.remove()


def _train(
    network: torch.nn.Module, training: dict, data: Dataset, indices: np.ndarray, seed: int, checkpoint: Checkpoint
) -> TrainingResult:
    device = next(network.parameters()).device
    images, labels = (torch.from_numpy(array).to(device) for array in (data.images, data.labels))
    precision, compiled = training.get("precision", "float32"), training.get("compile", False)
    return train(
        network,
        losses_of_images(network, images, labels, precision=precision, compiled=compiled),
        torch.as_tensor(indices, device=device),
        **{key: training[key] for key in ("epochs", "batch_size", "learning_rate")},
        seed=seed,
        checkpoint=checkpoint,
        options=TrainingOptions(**{key: training[key] for key in OPTIONS if key in training}),
    )


if "snakemake" in globals():
    run(main, snakemake)

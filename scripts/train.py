"""Train the original model on all training images, or the retrained one on the retain set alone."""

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
from unlearning.training.train import losses_of_images, train


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
        seed: of the run.
        architecture: the key `model` of the experiment's configuration.
        training: its key `training`.
        device: 'cpu', 'cuda' or 'auto'.
        code: hash of the code that runs.
        dataset: prepared data set.
        forget_set: images to leave out; None for the original, which must not depend on it.
        model: safetensors file of the weights.
        optimizer: safetensors file of Adam's state, from which training could go on.
        losses: CSV file of the mean loss of each epoch: nats per image, of a completing model its own loss.
        record: JSON file of status, cost and provenance.
    """
    target = prepare_device(device)
    settings = {"model": architecture, "training": training, "seed": seed}
    inputs = {"dataset": dataset} | ({"forget_set": forget_set} if forget_set else {})
    provenance = run_record(settings=settings, code=code, inputs=inputs)
    data = Dataset.load(dataset)
    indices = ForgetSet.load(forget_set).never_forgotten if forget_set else np.flatnonzero(data.train)
    image_shape = list(data.images.shape[1:])

    checkpoint = Checkpoint(
        model.with_suffix(".resume"), sha256_of([settings, code, target.type, provenance["inputs_sha256"]])
    )
    with explain_out_of_memory("training.batch_size", training["batch_size"]):
        images = torch.from_numpy(data.images).to(target)
        network = generative.build(architecture, image_shape, seed).to(target)
        trained = train(
            network,
            losses_of_images(
                network,
                images,
                precision=training.get("precision", "float32"),
                compiled=training.get("compile", False),
            ),
            torch.as_tensor(indices, device=target),
            **{key: training[key] for key in ("epochs", "batch_size", "learning_rate")},
            seed=seed,
            checkpoint=checkpoint,
        )

    generative.save(network, architecture, image_shape, model)
    write_tensors(optimizer, trained.adam)
    write_csv(losses, ("epoch", "loss"), enumerate(trained.losses, start=1))
    write_json(
        record,
        {
            "experiment": experiment,
            "method": method,
            "seed": seed,
            "status": "finished",
            "seconds": trained.seconds,
            "peak_memory_mib": peak_memory_mib(target),
            **describe_device(target),
            **provenance,
        },
    )
    checkpoint.remove()


if "snakemake" in globals():
    run(main, snakemake)

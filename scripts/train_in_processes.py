"""Train the original or the retrained model as `train` does, in several processes that share each batch."""

from pathlib import Path

import numpy as np
import torch
from torch import distributed

from train import OPTIONS
from unlearning.data.dataset import Dataset
from unlearning.data.forget_set import ForgetSet
from unlearning.io.files import sha256_of, write_csv, write_json
from unlearning.io.tensors import write_tensors
from unlearning.networks import generative
from unlearning.runtime.device import describe_device, explain_out_of_memory, peak_memory_mib
from unlearning.runtime.job import run
from unlearning.runtime.provenance import run_record
from unlearning.training.processes import SharedCheckpoint, run_in_processes, shared_losses
from unlearning.training.train import TrainingOptions, TrainingResult, train


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
    """Train one model from scratch; arguments and files are those of `train.main`.

    The key `processes` of `training` says how many processes. The record has memory and GPU of the first process.
    """
    settings = {"model": architecture, "training": training, "seed": seed}
    inputs = {"dataset": dataset} | ({"forget_set": forget_set} if forget_set else {})
    provenance = run_record(settings=settings, code=code, inputs=inputs)
    identity = {"experiment": experiment, "method": method, "seed": seed, **provenance}
    outputs = {"model": model, "optimizer": optimizer, "losses": losses, "record": record}
    run_in_processes(training["processes"], device, train_together, settings, code, inputs, identity, outputs)


def train_together(
    device: torch.device, settings: dict, code: str, inputs: dict[str, Path], identity: dict, outputs: dict[str, Path]
) -> None:
    """What each process does; the first one writes the files.

    Args:
        device: the device of this process.
        settings: `model`, `training` and `seed`.
        code: hash of the code that runs.
        inputs: `dataset`, and `forget_set` if its images are left out.
        identity: what the record says of the run beside its cost.
        outputs: the files to write, by the names of the arguments of `main`.
    """
    key = sha256_of([settings, code, device.type, identity["inputs_sha256"]])
    checkpoint = SharedCheckpoint(outputs["model"].with_suffix(".resume"), key)
    data = Dataset.load(inputs["dataset"])
    forget_set = inputs.get("forget_set")
    indices = ForgetSet.load(forget_set).never_forgotten if forget_set else np.flatnonzero(data.train)
    image_shape = list(data.images.shape[1:])
    with explain_out_of_memory("training.batch_size", settings["training"]["batch_size"]):
        network = generative.build(settings["model"], image_shape, settings["seed"]).to(device)
        result = _train(network, settings, data, indices, checkpoint)
    if distributed.get_rank() != 0:
        return
    generative.save(network, settings["model"], image_shape, outputs["model"])
    write_tensors(outputs["optimizer"], result.moments)
    write_csv(outputs["losses"], ("epoch", "loss"), enumerate(result.losses, start=1))
    cost = {"status": "finished", "seconds": result.seconds, "peak_memory_mib": peak_memory_mib(device)}
    write_json(outputs["record"], {**cost, **describe_device(device), **identity})
    checkpoint.remove()


def _train(
    network: torch.nn.Module, settings: dict, data: Dataset, indices: np.ndarray, checkpoint: SharedCheckpoint
) -> TrainingResult:
    device, training = next(network.parameters()).device, settings["training"]
    images, labels = (torch.from_numpy(array).to(device) for array in (data.images, data.labels))
    precision, compiled = training.get("precision", "float32"), training.get("compile", False)
    return train(
        network,
        shared_losses(network, images, labels, precision=precision, compiled=compiled),
        torch.as_tensor(indices, device=device),
        **{key: training[key] for key in ("epochs", "batch_size", "learning_rate")},
        seed=settings["seed"],
        checkpoint=checkpoint,
        options=TrainingOptions(**{key: training[key] for key in OPTIONS if key in training}),
    )


if "snakemake" in globals():
    run(main, snakemake)

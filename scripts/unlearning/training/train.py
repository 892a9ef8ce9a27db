"""The training loop of models from scratch: the original, the retrained model and the classifiers."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from tqdm import tqdm

from unlearning.networks.images import as_float
from unlearning.runtime.checkpoint import Checkpoint
from unlearning.runtime.device import reduced_precision
from unlearning.runtime.seeding import stream
from unlearning.training.optimisers import Adam, moments_by_name
from unlearning.training.resume import ResumableState
from unlearning.training.vectors import flatten, trainable


@dataclass(frozen=True)
class TrainingResult:
    """What training leaves beside the model.

    Attributes:
        losses: the mean loss of each epoch.
        moments: Adam's moments by parameter name, and its step count.
        seconds: seconds of the loop, summed over all the processes that it ran in.
    """

    losses: list[float]
    moments: dict[str, Tensor]
    seconds: float


def losses_of_images(
    model: nn.Module, images: Tensor, *, precision: str = "float32", compiled: bool = False
) -> Callable[[Tensor, torch.Generator], Tensor]:
    """The model's own loss, for `train`.

    Args:
        model: a generative model.
        images: (N, C, H, W) uint8, on the model's device.
        precision: 'float32', 'tf32' or 'bfloat16'; see `device.reduced_precision`.
        compiled: whether torch's compiler compiles the loss when it is first computed. A compiled loss has first
            derivatives only.

    Returns:
        A function of image indices (B,) and a generator for noise, which returns the losses (B,).

    Raises:
        ValueError: the loss is to be compiled, and there is no compiler for the code that torch writes.
    """
    variable, usual = ("CXX", "g++") if images.device.type == "cpu" else ("CC", "gcc")
    if compiled and not shutil.which(os.environ.get(variable, usual)):
        raise ValueError(
            f"training.compile = true: needs a compiler, {usual} or the one that {variable} names, and there is none; "
            "install one, or leave the key out"
        )
    layout = torch.contiguous_format if precision == "float32" else torch.channels_last  # fastest on tensor cores
    autocast = reduced_precision(precision, images.device)
    compute = torch.compile(model.losses) if compiled else model.losses

    def losses(indices: Tensor, generator: torch.Generator) -> Tensor:
        noise = model.loss_noise(len(indices), generator)
        with autocast:
            return compute(as_float(images[indices]).contiguous(memory_format=layout), noise)

    return losses


def train(
    model: nn.Module,
    losses: Callable[[Tensor, torch.Generator], Tensor],
    indices: Tensor,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    checkpoint: Checkpoint,
) -> TrainingResult:
    """Train with Adam on full batches, in a new order in each epoch; the model is left in eval mode.

    Args:
        model: the model, which is changed in place.
        losses: returns the losses (B,) of image indices (B,), with a generator for noise.
        indices: (N,) images to train on. Images left over after the full batches of an epoch are not used in this
            epoch. If there are fewer images than a batch has, they are one batch.
        epochs: number of epochs.
        batch_size: images of each batch.
        learning_rate: the learning rate of Adam.
        seed: the seed of the run; order and noise have streams of their own.
        checkpoint: where the training is saved and resumed from.

    Returns:
        The loss curve, Adam's moments, and the seconds.

    Raises:
        FloatingPointError: the loss is not finite.
    """
    per_epoch = len(indices) // min(batch_size, len(indices))
    curve, first, seconds_before = torch.zeros(epochs, device=indices.device), 0, 0.0
    noise, started = stream(seed, "training noise", indices.device), time.perf_counter()
    parameters, optimizer = trainable(model), Adam(model, learning_rate)
    state = ResumableState(model, optimizer, {"noise": noise})
    if results := state.load(checkpoint):
        curve.copy_(results["curve"])
        first, seconds_before = results["steps"], results["seconds"]
    model.train()
    batches = tqdm(
        _batches(indices, batch_size, epochs, seed, first), "training", epochs * per_epoch, initial=first, mininterval=5
    )
    for step, (epoch, batch) in enumerate(batches, start=first + 1):
        loss = losses(batch, noise).mean()
        optimizer.descend(flatten(torch.autograd.grad(loss, parameters)))
        curve[epoch] += loss.detach() / per_epoch
        if step % per_epoch == 0 and not curve[epoch].isfinite():
            raise FloatingPointError(f"training diverged in epoch {epoch + 1}: lower the learning rate")
        if checkpoint.due():
            seconds = seconds_before + time.perf_counter() - started
            state.save(checkpoint, {"curve": curve, "steps": step, "seconds": seconds})
    model.eval()
    losses_by_epoch = curve.tolist()  # waits for the device, so that the clock below includes all the work
    seconds = seconds_before + time.perf_counter() - started
    return TrainingResult(losses_by_epoch, moments_by_name(model, optimizer.state), seconds)


def _batches(indices: Tensor, batch_size: int, epochs: int, seed: int, first: int) -> Iterator[tuple[int, Tensor]]:
    """Epoch and image indices (B,) of every step from number `first`, counted from 0."""
    size = min(batch_size, len(indices))
    per_epoch = len(indices) // size
    for epoch in range(first // per_epoch, epochs):
        order = torch.randperm(len(indices), generator=stream(seed, f"training order {epoch}"))
        batches = indices[order.to(indices.device)].split(size)[:per_epoch]
        for batch in batches[max(0, first - epoch * per_epoch) :]:
            yield epoch, batch

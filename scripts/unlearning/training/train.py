"""The training loop of models from scratch: the original, the retrained model and the classifiers."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from tqdm import tqdm

from unlearning.networks.images import as_float
from unlearning.runtime.checkpoint import Checkpoint
from unlearning.runtime.device import reduced_precision
from unlearning.runtime.seeding import stream
from unlearning.training.optimisers import Adam, moments_by_name
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
    noise = stream(seed, "training noise", indices.device)
    parameters, optimizer = trainable(model), Adam(model, learning_rate)
    state = TrainingState(model, optimizer, noise, torch.zeros(epochs, device=indices.device))
    state.resume(checkpoint)
    model.train()
    batches = _batches(indices, batch_size, epochs, seed, state.steps)
    for epoch, batch in tqdm(batches, "training", epochs * per_epoch, initial=state.steps, mininterval=5):
        loss = losses(batch, noise).mean()
        optimizer.descend(flatten(torch.autograd.grad(loss, parameters)))
        state.curve[epoch] += loss.detach() / per_epoch
        state.steps += 1
        if state.steps % per_epoch == 0 and not state.curve[epoch].isfinite():
            raise FloatingPointError(f"training diverged in epoch {epoch + 1}: lower the learning rate")
        if checkpoint.due():
            state.save(checkpoint)
    model.eval()
    curve = state.curve.tolist()  # waits for the device, so that the clock below includes all the work
    return TrainingResult(curve, moments_by_name(model, optimizer.state), state.seconds)


@dataclass
class TrainingState:
    """What a checkpoint holds of a training.

    Attributes:
        model: the model, of which weights and buffers are saved.
        optimizer: the optimiser, of which the state is saved.
        noise: the random stream of the noise, of which the state is saved.
        curve: (epochs,) mean loss of each epoch so far.
        steps: number of steps so far.
        seconds_before: seconds of earlier processes.
        started: reading of the clock when this process started.
    """

    model: nn.Module
    optimizer: Adam
    noise: torch.Generator
    curve: Tensor
    steps: int = 0
    seconds_before: float = 0.0
    started: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Seconds of training so far, summed over processes."""
        return self.seconds_before + time.perf_counter() - self.started

    def resume(self, checkpoint: Checkpoint) -> None:
        """Continue from the checkpoint, if there is one."""
        saved = checkpoint.load()
        if saved is None:
            return
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state(saved["optimizer"])
        self.noise.set_state(saved["noise"])
        self.curve.copy_(saved["curve"])
        self.steps, self.seconds_before = saved["steps"], saved["seconds"]

    def save(self, checkpoint: Checkpoint) -> None:
        """Write the checkpoint."""
        checkpoint.save(
            {
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state,
                "noise": self.noise.get_state(),
                "curve": self.curve,
                "steps": self.steps,
                "seconds": self.seconds,
            }
        )


def _batches(indices: Tensor, batch_size: int, epochs: int, seed: int, first: int) -> Iterator[tuple[int, Tensor]]:
    """Epoch and image indices (B,) of every step from number `first`, counted from 0."""
    size = min(batch_size, len(indices))
    per_epoch = len(indices) // size
    for epoch in range(first // per_epoch, epochs):
        order = torch.randperm(len(indices), generator=stream(seed, f"training order {epoch}"))
        batches = indices[order.to(indices.device)].split(size)[:per_epoch]
        for batch in batches[max(0, first - epoch * per_epoch) :]:
            yield epoch, batch

"""The training loop of models from scratch: the original, the retrained model and the classifiers."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from tqdm import tqdm

from unlearning.networks.generative import with_labels
from unlearning.networks.images import as_float
from unlearning.runtime.checkpoint import Checkpoint
from unlearning.runtime.device import reduced_precision
from unlearning.runtime.seeding import stream
from unlearning.training.optimisers import Adam, moments_by_name
from unlearning.training.resume import ResumableState
from unlearning.training.vectors import flatten, trainable, unflatten


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


@dataclass(frozen=True)
class TrainingOptions:
    """What a training may do beyond plain Adam.

    Attributes:
        warm_up: steps over which the learning rate rises linearly from 0.
        cosine_decay: whether the learning rate falls to 0 over the whole training, as a half cosine.
        accumulation: number of parts of a batch, whose gradients are computed one after the other: less memory.
        average: decay of the `MovingAverage` of the weights, which the model has at the end; None to leave the weights
            of the last step.
    """

    warm_up: int = 0
    cosine_decay: bool = False
    accumulation: int = 1
    average: float | None = None


DEFAULT = TrainingOptions()


def losses_of_images(
    model: nn.Module,
    images: Tensor,
    labels: Tensor | None = None,
    *,
    precision: str = "float32",
    compiled: bool = False,
) -> Callable[[Tensor, torch.Generator], Tensor]:
    """The model's own loss, for `train`.

    Args:
        model: a generative model.
        images: (N, C, H, W) uint8, on the model's device.
        labels: (N,) class numbers, on the same device; only a model with labels needs them.
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
        if labels is not None:
            noise = with_labels(model, noise, labels[indices])
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
    options: TrainingOptions = DEFAULT,
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
        options: what else the training does.

    Returns:
        The loss curve, Adam's moments, and the seconds.

    Raises:
        FloatingPointError: the loss is not finite.
    """
    per_epoch = len(indices) // min(batch_size, len(indices))
    curve, first = torch.zeros(epochs, device=indices.device), 0
    noise, started = stream(seed, "training noise", indices.device), time.perf_counter()
    parameters, steps = trainable(model), epochs * per_epoch if options.cosine_decay else None
    optimizer = Adam(model, learning_rate, warm_up=options.warm_up, steps=steps)
    average = MovingAverage(parameters, options.average)
    state = ResumableState(model, optimizer, {"noise": noise})
    if results := state.load(checkpoint):
        curve.copy_(results["curve"])
        average.restore(results["average"])
        first, started = results["steps"], started - results["seconds"]
    model.train()
    batches = _batches(indices, batch_size, epochs, seed, first)
    bar = tqdm(batches, "training", epochs * per_epoch, initial=first, mininterval=5)
    for step, (epoch, batch) in enumerate(bar, start=first + 1):
        loss, gradient = _loss_and_gradient(losses, batch.tensor_split(options.accumulation), noise, parameters)
        optimizer.descend(gradient)
        curve[epoch] += loss / per_epoch
        average.update(step)
        if step % per_epoch == 0 and not curve[epoch].isfinite():
            raise FloatingPointError(f"training diverged in epoch {epoch + 1}: lower the learning rate")
        if checkpoint.due():
            so_far = {"curve": curve, "average": average.vector, "steps": step}
            state.save(checkpoint, {**so_far, "seconds": time.perf_counter() - started})
    average.give_to_model()
    model.eval()
    losses_by_epoch = curve.tolist()  # waits for the device, so that the clock below includes all the work
    return TrainingResult(losses_by_epoch, moments_by_name(model, optimizer.state), time.perf_counter() - started)


class MovingAverage:
    """The exponential moving average (EMA) of a model's weights.

    In step t, the decay is at most (1 + t) / (10 + t), so that the first weights do not stay in the average of a short
    training.

    Args:
        parameters: of the model, as they are before the first step.
        decay: β, share of the average that a step keeps; None for no average, and then nothing happens.

    Attributes:
        vector: the average, (P,); None without a decay.
    """

    def __init__(self, parameters: list[nn.Parameter], decay: float | None):
        self._parameters, self._decay = parameters, decay
        self.vector = self._weights() if decay else None

    def restore(self, vector: Tensor | None) -> None:
        """Continue from an earlier `vector`, which may be on another device."""
        if self._decay:
            self.vector.copy_(vector)

    def update(self, step: int) -> None:
        """Add the weights after a step, a number from 1."""
        if self._decay:
            self.vector.lerp_(self._weights(), 1 - min(self._decay, (1 + step) / (10 + step)))

    def give_to_model(self) -> None:
        """Give the model the average in place of its weights."""
        if not self._decay:
            return
        for parameter, part in zip(self._parameters, unflatten(self.vector, self._parameters), strict=True):
            parameter.data.copy_(part)

    def _weights(self) -> Tensor:
        return flatten([parameter.detach() for parameter in self._parameters])


def _loss_and_gradient(
    losses: Callable[[Tensor, torch.Generator], Tensor],
    parts: Sequence[Tensor],
    noise: torch.Generator,
    parameters: list[nn.Parameter],
) -> tuple[Tensor, Tensor]:
    """The mean loss of a batch, a scalar, and its gradient (P,), one part of the batch after the other."""
    loss, gradient = 0, 0
    for part in parts:
        of_part = losses(part, noise).mean() * (len(part) / sum(map(len, parts)))
        gradient = gradient + flatten(torch.autograd.grad(of_part, parameters))
        loss = loss + of_part.detach()
    return loss, gradient


def _batches(indices: Tensor, batch_size: int, epochs: int, seed: int, first: int) -> Iterator[tuple[int, Tensor]]:
    """Epoch and image indices (B,) of every step from number `first`, counted from 0."""
    size = min(batch_size, len(indices))
    per_epoch = len(indices) // size
    for epoch in range(first // per_epoch, epochs):
        order = torch.randperm(len(indices), generator=stream(seed, f"training order {epoch}"))
        batches = indices[order.to(indices.device)].split(size)[:per_epoch]
        for batch in batches[max(0, first - epoch * per_epoch) :]:
            yield epoch, batch

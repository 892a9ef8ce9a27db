"""The training loop of models from scratch: the original, the retrained model and the classifiers."""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn
from tqdm import tqdm

from unlearning.networks.images import as_float
from unlearning.runtime.checkpoint import Checkpoint
from unlearning.runtime.device import reduced_precision
from unlearning.runtime.seeding import stream
from unlearning.training.optimisers import Adam
from unlearning.training.vectors import flatten, trainable, unflatten


@dataclass(frozen=True)
class Trained:
    """What training leaves beside the model.

    losses: the mean loss of each epoch. adam: Adam's moments by parameter name, and its step count.
    seconds: of the loop, over all the processes that it took.
    """

    losses: list[float]
    adam: dict[str, Tensor]
    seconds: float


def losses_of_images(
    model: nn.Module, images: Tensor, *, precision: str = "float32", compiled: bool = False
) -> Callable[[Tensor, torch.Generator], Tensor]:
    """The model's own loss, for `train`.

    Args:
        model: a generative model.
        images: (N, C, H, W) uint8, where the model is.
        precision: 'float32', 'tf32' or 'bfloat16'; see `device.reduced_precision`.
        compiled: by torch's compiler, when the loss is first computed; its derivative has no further ones.

    Raises:
        ValueError: it is to be compiled, and there is no compiler for what torch's writes.
    """
    variable, usual = ("CXX", "g++") if images.device.type == "cpu" else ("CC", "gcc")
    if compiled and not shutil.which(os.environ.get(variable, usual)):
        raise ValueError(
            f"training.compile = true: needs a compiler, {usual} or what {variable} names, and there is none; install "
            "one, or leave the key out"
        )
    layout = torch.contiguous_format if precision == "float32" else torch.channels_last  # as tensor cores want it
    autocast = reduced_precision(precision, images.device)
    compute = torch.compile(model.losses) if compiled else model.losses

    def losses(chosen: Tensor, generator: torch.Generator) -> Tensor:
        noise = model.loss_noise(len(chosen), generator)
        with autocast:
            return compute(as_float(images[chosen]).contiguous(memory_format=layout), noise)

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
) -> Trained:
    """Train with Adam on full batches, in a new order each epoch; the model is left in eval mode.

    Args:
        model: changed in place.
        losses: the loss of each image, (B,), for image indices (B,) and a generator for noise.
        indices: (N,) images to train on. What is left of an epoch after full batches waits for
            another epoch; fewer images than a batch make one batch.
        seed: of the run; order and noise have streams of their own.
        checkpoint: resumes and saves.

    Raises:
        FloatingPointError: the loss is not finite.
    """
    parameters, optimizer = trainable(model), Adam(model, learning_rate)
    noise = stream(seed, "training noise", indices.device)
    size = min(batch_size, len(indices))
    per_epoch = len(indices) // size
    curve = torch.zeros(epochs, device=indices.device)
    first, seconds_before, started = 0, 0.0, time.perf_counter()
    if state := checkpoint.load():
        model.load_state_dict(state["model"])
        optimizer.load_state(state["optimizer"])
        noise.set_state(state["noise"])
        curve.copy_(state["curve"])
        first, seconds_before = state["steps"], state["seconds"]

    @lru_cache(maxsize=1)
    def order(epoch: int) -> Tensor:
        return indices[
            torch.randperm(len(indices), generator=stream(seed, f"training order {epoch}")).to(indices.device)
        ]

    model.train()
    for step in tqdm(range(first, epochs * per_epoch), "training", epochs * per_epoch, initial=first, mininterval=5):
        epoch, position = divmod(step, per_epoch)
        loss = losses(order(epoch)[position * size : (position + 1) * size], noise).mean()
        optimizer.descend(flatten(torch.autograd.grad(loss, parameters)))
        curve[epoch] += loss.detach() / per_epoch
        if position == per_epoch - 1 and not curve[epoch].isfinite():
            raise FloatingPointError(f"training diverged in epoch {epoch + 1}: lower the learning rate")
        if checkpoint.due():
            checkpoint.save(
                {
                    "model": model.state_dict(),
                    "optimizer": optimizer.state,
                    "noise": noise.get_state(),
                    "curve": curve,
                    "steps": step + 1,
                    "seconds": seconds_before + time.perf_counter() - started,
                }
            )
    model.eval()
    losses_by_epoch = curve.tolist()  # waits for the device, so the clock below has seen all the work
    seconds = seconds_before + time.perf_counter() - started
    names = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    adam = {"step": optimizer.state["step"]}
    for moment in ("exp_avg", "exp_avg_sq"):
        parts = unflatten(optimizer.state[moment], parameters)
        adam |= {f"{name}.{moment}": part for name, part in zip(names, parts, strict=True)}
    return Trained(losses_by_epoch, adam, seconds)

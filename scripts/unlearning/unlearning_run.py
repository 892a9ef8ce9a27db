"""The loop that every unlearning method runs on.

It owns batches, noise, optimiser, clock, log, measurements, resume and the check for divergence; a
method only gives the direction of each step (see `unlearning.methods`).
"""

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from tqdm import tqdm

from unlearning.adam import Adam
from unlearning.checkpoint import Checkpoint
from unlearning.gradients import BatchLoss, Step, cosine, trainable
from unlearning.images import as_float
from unlearning.judge import Judge, look_at
from unlearning.methods import finetune
from unlearning.models import draw_samples
from unlearning.seeding import stream

STEP_COLUMNS = (
    "retain_loss",  # reduced over the batch as the settings say
    "forget_loss",
    "retain_gradient_norm",
    "forget_gradient_norm",
    "cosine",  # of g_r and g_f, before the step
    "direction_retain_cosine",  # of the direction d and g_r
    "direction_forget_cosine",  # of the direction d and g_f
    "cosine_after",  # of g_r and g_f on the same batches and noise, after the step
)
PACE_EVERY = 5  # steps between two plain retain steps that are timed beside the method's


@dataclass
class Run:
    """What an unlearning run leaves beside the model.

    status: 'finished' or 'diverged'. steps: one mapping per step, with `STEP_COLUMNS`, `step`,
    `seconds` (of the step alone) and `pace_seconds` (of a plain retain step in its neighbourhood;
    None where none was timed). measurements: one mapping per measurement, `step`, `forgotten` and
    `samples` (how many of how many fresh samples the judge takes for a forgotten class).
    """

    status: str
    steps: list[dict]
    measurements: list[dict]


def unlearn(
    model: nn.Module,
    rule: Callable[[Step], Tensor],
    retain: Tensor,
    forget: Tensor,
    *,
    judge: Judge,
    forgotten_classes: list[int],
    settings: dict,
    seed: int,
    checkpoint: Checkpoint,
) -> Run:
    """Run a method on a trained model, which is changed in place.

    Args:
        model: in any mode; trained in train mode, measured and left in eval mode.
        rule: the method's direction with its parameters bound.
        retain: (N, C, H, W) uint8 images to keep; all on the model's device.
        forget: (M, C, H, W) uint8 images to forget.
        judge: used for measuring only.
        forgotten_classes: class numbers to count among samples; where empty, nothing is measured.
        settings: the key `unlearning` of an experiment, with the method's overrides.
        seed: of the run.
        checkpoint: resumes and saves.

    Raises:
        ValueError: the method's direction has not the shape of the parameters.
    """
    device = retain.device
    optimizer = Adam(model, settings["learning_rate"])
    pacer = Pacer(model, retain, settings)
    streams = {name: stream(seed, f"unlearning {name}", device) for name in ("retain", "forget", "samples")}
    run = Run("finished", [], [])
    if state := checkpoint.load():
        model.load_state_dict(state["model"])
        optimizer.load_state(state["optimizer"])
        for name, generator in streams.items():
            generator.set_state(state["streams"][name])
        run = Run("finished", state["steps"], state["measurements"])

    def measure(step: int) -> None:
        if forgotten_classes and (not run.measurements or run.measurements[-1]["step"] < step):
            samples = draw_samples(model, settings["samples"], streams["samples"])
            _, classes = look_at(judge, samples)
            forgotten = torch.isin(classes, torch.tensor(forgotten_classes, device=device)).sum().item()
            run.measurements.append({"step": step, "forgotten": forgotten, "samples": settings["samples"]})

    schedule = measured_steps(settings["measure"], settings["steps"])
    measure(0)
    model.train()
    progress = tqdm(
        range(len(run.steps) + 1, settings["steps"] + 1),
        "unlearning",
        settings["steps"],
        initial=len(run.steps),
        mininterval=5,
    )
    for number in progress:
        step = Step(
            number,
            batch_loss(model, retain, streams["retain"], settings),
            batch_loss(model, forget, streams["forget"], settings),
        )
        started = now(device)
        direction = rule(step)
        seconds = now(device) - started
        before = inspect(model, step, direction)
        started = now(device)
        optimizer.descend(direction)
        seconds += now(device) - started

        values = torch.cat([before, inspect_after(model, step)])
        pace = pacer.seconds() if number % PACE_EVERY == 0 else None
        finite = all(torch.isfinite(tensor).all() for tensor in (values, *trainable(model)))
        record = dict(zip(STEP_COLUMNS, values.tolist(), strict=True))
        run.steps.append({"step": number, **record, "seconds": seconds, "pace_seconds": pace})
        if not finite:
            run.status = "diverged"
            break
        if number in schedule:
            measure(number)
        if checkpoint.due():
            checkpoint.save(
                {
                    "model": model.state_dict(),
                    "optimizer": optimizer.state,
                    "streams": {name: generator.get_state() for name, generator in streams.items()},
                    "steps": run.steps,
                    "measurements": run.measurements,
                }
            )
    model.eval()
    return run


def measured_steps(schedule: list[dict], steps: int) -> set[int]:
    """The steps after which the forget fraction is measured; the last one always is.

    Args:
        schedule: parts `{until, every}`, in growing order.
        steps: length of the run.
    """
    measured, start = {steps}, 0
    for part in schedule:
        measured.update(range(start + part["every"], part["until"] + 1, part["every"]))
        start = part["until"]
    return {step for step in measured if step <= steps}


def batch_loss(model: nn.Module, images: Tensor, generator: torch.Generator, settings: dict) -> BatchLoss:
    """The loss on a batch drawn with replacement, at the moment it is first asked for."""

    def draw() -> tuple[Tensor, Tensor]:
        chosen = torch.randint(len(images), (settings["batch_size"],), generator=generator, device=images.device)
        return as_float(images[chosen]), model.loss_noise(settings["batch_size"], generator)

    return BatchLoss(model, draw, settings["loss_reduction"])


@contextmanager
def unchanged_buffers(model: nn.Module) -> Iterator[None]:
    """Undo what happens to the buffers: batch normalisation counts every batch it sees in train mode."""
    saved = [(buffer, buffer.clone()) for buffer in model.buffers()]
    yield
    for buffer, value in saved:
        buffer.copy_(value)


def inspect(model: nn.Module, step: Step, direction: Tensor) -> Tensor:
    """The values of `STEP_COLUMNS` that are known before the parameters change."""
    with unchanged_buffers(model):
        g_r, g_f = step.retain.gradient, step.forget.gradient
    if direction.shape != g_r.shape:
        raise ValueError(f"the method's direction has shape {tuple(direction.shape)}, but must have {tuple(g_r.shape)}")
    return torch.stack(
        [
            step.retain.value,
            step.forget.value,
            g_r.norm(),
            g_f.norm(),
            cosine(g_r, g_f),
            cosine(direction, g_r),
            cosine(direction, g_f),
        ]
    )


def inspect_after(model: nn.Module, step: Step) -> Tensor:
    """The value of `STEP_COLUMNS` that is known only after the step, (1,)."""
    with unchanged_buffers(model):
        return cosine(step.retain.again().gradient, step.forget.again().gradient).reshape(1)


class Pacer:
    """Times plain retain steps (those of `finetune`) on a copy of the model, in the same process.

    A machine's speed changes from minute to minute; the ratio of a method's step to this one does not.
    """

    def __init__(self, model: nn.Module, retain: Tensor, settings: dict):
        self._model = copy.deepcopy(model).train()
        self._optimizer = Adam(self._model, settings["learning_rate"])
        self._retain, self._settings = retain, settings
        self._generator = stream(0, "pacer", retain.device)
        self.seconds()  # the first step pays for set-up that no later one does

    def seconds(self) -> float:
        """Take one plain retain step and return its seconds."""
        loss = batch_loss(self._model, self._retain, self._generator, self._settings)
        started = now(self._retain.device)
        self._optimizer.descend(finetune.direction(Step(0, retain=loss, forget=loss)))
        return now(self._retain.device) - started


def now(device: torch.device) -> float:
    """Seconds of a monotonic clock, once the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()

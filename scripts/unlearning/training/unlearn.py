"""The loop that every unlearning method runs on.

The loop handles batches, noise, optimiser, clock, measurements, resuming and the check for divergence. A method only
gives the direction of each step, see `unlearning.methods`. Losses and gradients are in `gradients`, what is measured
beside the loop is in `monitoring`.
"""

import copy
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType

import torch
from torch import Tensor, nn
from tqdm import tqdm

from unlearning.networks.generative import set_training_mode
from unlearning.networks.probes import is_shown
from unlearning.networks.running_statistics import estimated_from
from unlearning.runtime.checkpoint import Checkpoint
from unlearning.runtime.seeding import stream
from unlearning.training import monitoring
from unlearning.training.losses import batch_loss, histogram_loss
from unlearning.training.memory import memory_of_steps
from unlearning.training.optimisers import Optimizer, SomeWeights, make_optimizer
from unlearning.training.resume import ResumableState
from unlearning.training.settings import UnlearningInputs, UnlearningSettings
from unlearning.training.step import Setup, Step, check_direction, is_finite
from unlearning.training.vectors import trainable_names

STREAMS = ("retain", "forget", "samples", "histogram", "method")


@dataclass
class UnlearningResult:
    """What an unlearning run leaves beside the model.

    Attributes:
        preparation_seconds: seconds of the method's `prepare`.
        status: 'finished' or 'diverged'.
        steps: one row per step, with the columns `monitoring.STEP_COLUMNS`. Those of `INSPECTED` are None where the
            forget fraction is not measured. `published_forgotten` is the count among 128 fixed latents before the
            update, or None without a guide. `seconds` is the time of the step alone. `finetune_step_seconds` is the
            time of a reference step right after the step, or None where no reference step was timed.
        measurements: one row per measurement and network of the judge, with the columns
            `monitoring.MEASUREMENT_COLUMNS`. `samples` is the number of fresh samples, `forgotten` how many of them the
            network `network`, counted from 0, assigns to a forgotten class.
        step_memory_mib: memory of the direction of one more step, see `unlearning.training.memory`.
        shown: the `images` (n, C, H, W) uint8 of the probes after the steps of `probes.is_shown`, each with its
            `step`. Empty without probes.
    """

    preparation_seconds: float
    status: str = "finished"
    steps: list[dict] = field(default_factory=list)
    measurements: list[dict] = field(default_factory=list)
    shown: list[dict] = field(default_factory=list)
    step_memory_mib: float | None = None

    def so_far(self) -> dict:
        """The arguments that make the same result again, of a run that has not ended."""
        return {
            "preparation_seconds": self.preparation_seconds,
            "steps": self.steps,
            "measurements": self.measurements,
            "shown": self.shown,
        }


def unlearn(
    model: nn.Module,
    method: ModuleType,
    inputs: UnlearningInputs,
    settings: UnlearningSettings,
    seed: int,
    checkpoint: Checkpoint,
) -> UnlearningResult:
    """Run a method on a trained model, which is changed in place.

    Args:
        model: a model in any mode. It trains in train mode; it is measured and left in eval mode.
        method: a file of `unlearning.methods`.
        inputs: images and classifiers.
        settings: the settings of the run.
        seed: the seed of the run.
        checkpoint: where the run is saved and resumed from.

    Returns:
        Status, steps, measurements and images of the probes.
    """
    reference_timer = monitoring.ReferenceStepTimer(model, inputs, settings)  # before any parameter is frozen
    freeze(model, method, settings.trainable)
    prepared, seconds = prepare(model, method, inputs, settings, seed)
    streams = {name: stream(seed, f"unlearning {name}", inputs.retain.device) for name in STREAMS}
    state = ResumableState(model, optimizer_of(model, method, prepared, inputs, settings), streams)
    saved = state.load(checkpoint)
    result = UnlearningResult(**saved) if saved else UnlearningResult(seconds)
    counter = monitoring.ForgottenCounter(model, inputs, settings, seed)
    if not saved:
        look(0, counter, model, inputs, settings, result, streams["samples"])
    schedule = monitoring.measured_steps(settings.measure, settings.steps)
    set_training_mode(model, settings.batch_normalisation)
    for number in _progress(len(result.steps), settings.steps):
        step = draw_step(number, model, prepared, inputs, settings, streams)
        row = dict.fromkeys(monitoring.STEP_COLUMNS) | {"step": number}
        row["published_forgotten"] = counter.count_as_published()  # before the update, as in the UNO paper's code
        stopwatch = monitoring.Stopwatch(inputs.retain.device)
        with stopwatch:
            direction = method.direction(step, **settings.parameters)
        check_direction(direction, model)
        before = monitoring.inspect(model, step, direction) if number in schedule else None
        step.free_graphs()
        with stopwatch:
            change_weights(step, direction, method, settings, state.optimizer)
        if number in schedule:
            row |= monitoring.inspect_after(model, step, before)
        row |= {"seconds": stopwatch.seconds, "finetune_step_seconds": reference_timer.seconds(number)}
        result.steps.append(row)
        if not is_finite(model, row):
            result.status = "diverged"
            break
        if number in schedule:
            look(number, counter, model, inputs, settings, result, streams["samples"])
        if checkpoint.due():
            state.save(checkpoint, result.so_far())
    steps = [draw_step(number, model, prepared, inputs, settings, streams) for number in (1, 2)]
    result.step_memory_mib = memory_of_steps(model, steps, partial(method.direction, **settings.parameters))
    model.eval()
    return result


def change_weights(
    step: Step, direction: Tensor, method: ModuleType, settings: UnlearningSettings, optimizer: Optimizer
) -> None:
    """Take one step along −`direction`, (P,), or let the method change the weights if it has an `edit`."""
    if hasattr(method, "edit"):
        method.edit(step, **settings.parameters)
    else:
        optimizer.descend(direction)


def look(
    number: int,
    counter: monitoring.ForgottenCounter,
    model: nn.Module,
    inputs: UnlearningInputs,
    settings: UnlearningSettings,
    result: UnlearningResult,
    generator: torch.Generator,
) -> None:
    """Measure the forget fraction, and show the probes if it is their turn.

    Args:
        number: number of the last step, one of `monitoring.measured_steps`, or 0.
        counter: counts forgotten classes.
        model: the model after the step.
        inputs: forgotten classes and probes.
        settings: the settings of the run.
        result: what is seen is added to it.
        generator: draws the samples.
    """
    with estimated_from(model, inputs.statistics):
        if inputs.forgotten_classes:
            result.measurements += counter.measure(number, generator)
        if inputs.probes and is_shown(number, settings.steps):
            result.shown.append({"step": number, "images": inputs.probes.show(model).cpu()})


def freeze(model: nn.Module, method: ModuleType, part: dict | None = None) -> None:
    """Freeze all parameters but the encoder's, if the method declares ENCODER_ONLY, or but those of a part.

    Args:
        model: changed in place.
        method: a file of `unlearning.methods`.
        part: the key `trainable` of the row, arguments of `model.part`; None for all parameters.
    """
    kept = set(dict(model.named_parameters())) if part is None else model.part(**part)
    if getattr(method, "ENCODER_ONLY", False):
        kept &= model.encoder_parameters()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(parameter.requires_grad and name in kept)


def prepare(
    model: nn.Module, method: ModuleType, inputs: UnlearningInputs, settings: UnlearningSettings, seed: int
) -> tuple[object, float]:
    """Call the method's `prepare`, if it has one.

    Args:
        model: the original model.
        method: a file of `unlearning.methods`.
        inputs: images and the guide.
        settings: the settings of the run.
        seed: the seed of the run.

    Returns:
        What `prepare` returned, and its seconds; None and 0 for a method without `prepare`.
    """
    if not hasattr(method, "prepare"):
        return None, 0.0
    device = inputs.retain.device
    setup = Setup(
        teacher=copy.deepcopy(model).eval().requires_grad_(False),
        retain=inputs.retain,
        forget=inputs.forget,
        batch_size=settings.batch_size,
        reduction=settings.loss_reduction,
        guide=inputs.guide,
        forgotten_classes=inputs.forgotten_classes,
        generator=stream(seed, "unlearning preparation", device),
        retain_labels=inputs.retain_labels,
        forget_labels=inputs.forget_labels,
        trainable=trainable_names(model),
    )
    with monitoring.Stopwatch(device) as stopwatch:
        prepared = method.prepare(setup, **settings.parameters)
    return prepared, stopwatch.seconds


def optimizer_of(
    model: nn.Module, method: ModuleType, prepared: object, inputs: UnlearningInputs, settings: UnlearningSettings
) -> Optimizer:
    """The optimiser of the settings, which changes only what the method's `movable` says, if the method has one.

    Args:
        model: the original model.
        method: a file of `unlearning.methods`.
        prepared: what the method's `prepare` returned.
        inputs: Adam's moments, for 'adam_warm'.
        settings: the settings of the run.

    Returns:
        The optimiser.
    """
    optimizer = make_optimizer(model, settings, inputs.moments)
    return SomeWeights(optimizer, model, method.movable(prepared)) if hasattr(method, "movable") else optimizer


def draw_step(
    number: int,
    model: nn.Module,
    prepared: object,
    inputs: UnlearningInputs,
    settings: UnlearningSettings,
    streams: dict[str, torch.Generator],
) -> Step:
    """What the method works with in one step.

    `losses.batch_loss` draws the indices of a batch. Both batches are drawn here, even if the method needs only one. So
    all methods see the same batches.

    Args:
        number: number of the step, from 1.
        model: the model, in training.
        prepared: what the method's `prepare` returned.
        inputs: images and the guide.
        settings: the settings of the run.
        streams: the random streams of the run, by the names of `STREAMS`.

    Returns:
        The step, with its batches drawn.
    """
    histogram = None
    if inputs.guide:
        histogram = histogram_loss(model, inputs.guide, inputs.forgotten, streams["histogram"], settings.batch_size)
    retain, forget = (
        batch_loss(model, images, labels, streams[name], settings)
        for name, images, labels in (
            ("retain", inputs.retain, inputs.retain_labels),
            ("forget", inputs.forget, inputs.forget_labels),
        )
    )
    retain.draw()
    forget.draw()
    return Step(number, retain, forget, histogram, model, prepared, streams["method"])


def _progress(steps_before: int, steps: int) -> tqdm:
    """The numbers of the remaining steps, with a progress bar."""
    return tqdm(range(steps_before + 1, steps + 1), "unlearning", steps, initial=steps_before, mininterval=5)

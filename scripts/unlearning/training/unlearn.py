"""The loop that every unlearning method runs on.

It owns batches, noise, optimiser, clock, log, measurements, resume and the check for divergence; a
method only gives the direction of each step (see `unlearning.methods`).
"""

import copy
from dataclasses import dataclass
from types import ModuleType

import torch
from torch import Tensor, nn
from tqdm import tqdm

from unlearning.config.protocol import PUBLISHED_LATENTS
from unlearning.networks.classifier import Classifier, classify
from unlearning.networks.generative import (
    complete,
    completes,
    decode,
    draw_samples,
    set_training_mode,
)
from unlearning.runtime.checkpoint import Checkpoint
from unlearning.runtime.seeding import stream
from unlearning.training.losses import batch_loss, histogram_loss
from unlearning.training.monitoring import (
    INSPECTED,
    REFERENCE_STEP_EVERY,
    STEP_COLUMNS,
    ReferenceStepTimer,
    inspect,
    inspect_after,
    measured_steps,
    now,
)
from unlearning.training.optimisers import make_optimizer
from unlearning.training.step import Setup, Step
from unlearning.training.vectors import flatten, trainable


@dataclass
class Run:
    """What an unlearning run leaves beside the model.

    status: 'finished' or 'diverged'. steps: one mapping per step, with `step`, `seconds` (of the step
    alone), `finetune_step_seconds` (of a plain retain step in its neighbourhood; None where none was timed), the
    columns `INSPECTED` (None but where the forget fraction is measured) and `published_forgotten` (how
    many of the guide's view of 128 fixed latents are of a forgotten class, before the step; None without a guide).
    measurements: one mapping per measurement, `step`, `forgotten` and `samples` (how many of how many
    fresh samples the judge takes for a forgotten class). preparation_seconds: before the first step.
    """

    status: str
    steps: list[dict]
    measurements: list[dict]
    preparation_seconds: float


def unlearn(
    model: nn.Module,
    method: ModuleType,
    retain: Tensor,
    forget: Tensor,
    *,
    judge: Classifier,
    guide: Classifier | None,
    forgotten_classes: list[int],
    settings: dict,
    moments: dict[str, Tensor] | None = None,
    heldout_forget: Tensor | None = None,
    seed: int,
    checkpoint: Checkpoint,
) -> Run:
    """Run a method on a trained model, which is changed in place.

    Args:
        model: in any mode; trained in train mode, measured and left in eval mode.
        method: a file of `unlearning.methods`.
        retain: (N, C, H, W) uint8 images to keep; all on the model's device.
        forget: (M, C, H, W) uint8 images to forget.
        judge: used for measuring only.
        guide: a second classifier, for methods that have one in their loss and for the as-published
            protocol; None where the experiment has none.
        forgotten_classes: class numbers to count among samples; where empty, nothing is measured.
        settings: see `unlearning.config.experiment.method_settings`.
        moments: Adam's at the end of training, by parameter; for the optimiser 'adam_warm'.
        heldout_forget: (L, C, H, W) uint8 held-out images of the forgotten classes, which a model that completes
            images completes when it is measured.
        seed: of the run.
        checkpoint: resumes and saves.

    Raises:
        ValueError: the method's direction is no tensor of the parameters' shape and type.
    """
    reference_timer = ReferenceStepTimer(
        model, retain, settings
    )  # before anything is frozen: its steps are those of `finetune`
    if getattr(method, "ENCODER_ONLY", False):
        of_encoder = model.encoder_parameters()
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(parameter.requires_grad and name in of_encoder)
    device, parameters = retain.device, settings["parameters"]
    streams = {
        name: stream(seed, f"unlearning {name}", device)
        for name in ("retain", "forget", "samples", "histogram", "method")
    }
    prepared, preparation_seconds = None, 0.0
    if hasattr(method, "prepare"):
        start = Setup(
            teacher=copy.deepcopy(model).eval().requires_grad_(False),
            retain=retain,
            forget=forget,
            batch_size=settings["batch_size"],
            reduction=settings["loss_reduction"],
            guide=guide,
            forgotten_classes=forgotten_classes,
            generator=stream(seed, "unlearning preparation", device),
        )
        started = now(device)
        prepared = method.prepare(start, **parameters)
        preparation_seconds = now(device) - started
    optimizer = make_optimizer(model, settings, moments)
    run = Run("finished", [], [], preparation_seconds)
    if state := checkpoint.load():
        model.load_state_dict(state["model"])
        optimizer.load_state(state["optimizer"])
        for name, generator in streams.items():
            generator.set_state(state["streams"][name])
        run = Run("finished", state["steps"], state["measurements"], state["preparation_seconds"])
    if guide:
        fixed_latents = model.latents(PUBLISHED_LATENTS, stream(seed, "published latents", device))
    forgotten = torch.tensor(forgotten_classes, dtype=torch.long, device=device)

    def count_forgotten(classifier: Classifier, samples: Tensor) -> int:
        return torch.isin(classify(classifier, samples)[1], forgotten).sum().item()

    def draw(count: int, generator: torch.Generator) -> Tensor:
        if not completes(model):
            return draw_samples(model, count, generator)
        chosen = torch.randint(len(heldout_forget), (count,), generator=generator, device=device)
        return complete(model, heldout_forget[chosen], model.completion_noise(count, generator))

    def measure(step: int) -> None:
        if forgotten_classes and (not run.measurements or run.measurements[-1]["step"] < step):
            samples = draw(settings["samples"], streams["samples"])
            count = count_forgotten(judge, samples)
            run.measurements.append({"step": step, "forgotten": count, "samples": settings["samples"]})

    schedule = measured_steps(settings["measure"], settings["steps"])
    vector = flatten(trainable(model))
    dtype, size = vector.dtype, vector.shape
    measure(0)
    set_training_mode(model, settings)
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
            histogram_loss(model, guide, forgotten, streams["histogram"], settings) if guide else None,
            model,
            prepared,
            streams["method"],
        )
        for loss in (step.retain, step.forget):
            loss.batch  # noqa: B018 - every method draws one of each in every step, so that all see the same
        record = dict.fromkeys(STEP_COLUMNS)
        if guide and forgotten_classes:  # before the parameters change, as the paper's code has it
            record["published_forgotten"] = count_forgotten(guide, decode(model, fixed_latents, train_mode=True))
        started = now(device)
        direction = method.direction(step, **parameters)
        if not isinstance(direction, Tensor) or (direction.dtype, direction.shape) != (dtype, size):
            given = f"{direction.dtype} {tuple(direction.shape)}" if isinstance(direction, Tensor) else repr(direction)
            raise ValueError(f"the method's direction must be {dtype} {tuple(size)}, but is {given}")
        seconds = now(device) - started
        inspected = number in schedule
        before = inspect(model, step, direction) if inspected else None
        for loss in (step.retain, step.forget):
            loss.free_graph()
        started = now(device)
        optimizer.descend(direction)
        seconds += now(device) - started

        finite = flatten(trainable(model)).isfinite().all().item()  # one question to a GPU, not one per parameter
        if inspected:
            values = torch.cat([before, inspect_after(model, step)])
            finite = finite and values.isfinite().all().item()
            record |= zip(INSPECTED, values.tolist(), strict=True)
        pace = reference_timer.seconds() if number % REFERENCE_STEP_EVERY == 0 else None
        run.steps.append({"step": number, **record, "seconds": seconds, "finetune_step_seconds": pace})
        if not finite:
            run.status = "diverged"
            break
        if inspected:
            measure(number)
        if checkpoint.due():
            checkpoint.save(
                {
                    "model": model.state_dict(),
                    "optimizer": optimizer.state,
                    "streams": {name: generator.get_state() for name, generator in streams.items()},
                    "steps": run.steps,
                    "measurements": run.measurements,
                    "preparation_seconds": run.preparation_seconds,
                }
            )
    model.eval()
    return run

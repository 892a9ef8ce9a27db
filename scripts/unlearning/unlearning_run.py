"""The loop that every unlearning method runs on.

It owns batches, noise, optimiser, clock, log, measurements, resume and the check for divergence; a
method only gives the direction of each step (see `unlearning.methods`).
"""

import copy
import math
import time
from dataclasses import dataclass
from types import ModuleType

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from tqdm import tqdm

from unlearning.adam import Adam
from unlearning.checkpoint import Checkpoint
from unlearning.classifier import Classifier, look_at
from unlearning.gradients import BatchLoss, Loss, Start, Step, cosine
from unlearning.images import as_float
from unlearning.methods import finetune
from unlearning.models import complete, completes, decode, draw_samples, unchanged_buffers
from unlearning.protocol import PUBLISHED_LATENTS
from unlearning.seeding import stream
from unlearning.sgd import SGD
from unlearning.vectors import flatten, trainable

INSPECTED = (
    "retain_loss",  # reduced over the batch as the settings say
    "forget_loss",
    "retain_gradient_norm",
    "forget_gradient_norm",
    "cosine",  # of g_r and g_f, before the step
    "direction_retain_cosine",  # of the direction d and g_r
    "direction_forget_cosine",  # of the direction d and g_f
    "cosine_after",  # of g_r and g_f on the same batches and noise, after the step
)
STEP_COLUMNS = (*INSPECTED, "published_forgotten")
PACE_EVERY = 5  # steps between two plain retain steps that are timed beside the method's
TINY_SHARE = 1e-8  # of a forgotten class in the histogram that samples are to have


@dataclass
class Run:
    """What an unlearning run leaves beside the model.

    status: 'finished' or 'diverged'. steps: one mapping per step, with `step`, `seconds` (of the step
    alone), `pace_seconds` (of a plain retain step in its neighbourhood; None where none was timed), the
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
        settings: see `unlearning.experiment.method_settings`.
        moments: Adam's at the end of training, by parameter; for the optimiser 'adam_warm'.
        heldout_forget: (L, C, H, W) uint8 held-out images of the forgotten classes, which a model that completes
            images completes when it is measured.
        seed: of the run.
        checkpoint: resumes and saves.

    Raises:
        ValueError: the method's direction is no tensor of the parameters' shape and type.
    """
    pacer = Pacer(model, retain, settings)  # before anything is frozen: its steps are those of `finetune`
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
        start = Start(
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
        return torch.isin(look_at(classifier, samples)[1], forgotten).sum().item()

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
            loss.release()
        started = now(device)
        optimizer.descend(direction)
        seconds += now(device) - started

        finite = flatten(trainable(model)).isfinite().all().item()  # one question to a GPU, not one per parameter
        if inspected:
            values = torch.cat([before, inspect_after(model, step)])
            finite = finite and values.isfinite().all().item()
            record |= zip(INSPECTED, values.tolist(), strict=True)
        pace = pacer.seconds() if number % PACE_EVERY == 0 else None
        run.steps.append({"step": number, **record, "seconds": seconds, "pace_seconds": pace})
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


def measured_steps(schedule: list[dict], steps: int) -> set[int]:
    """The steps after which the forget fraction is measured and gradients inspected; the last one always is.

    Args:
        schedule: parts `{until, every}`, in growing order.
        steps: length of the run.
    """
    measured, start = {steps}, 0
    for part in schedule:
        measured.update(range(start + part["every"], min(part["until"], steps) + 1, part["every"]))
        start = part["until"]
    return measured


def set_training_mode(model: nn.Module, settings: dict) -> None:
    """Train mode, in which frozen batch normalisation keeps the statistics of training."""
    model.train()
    if settings["batch_normalisation"] == "frozen":
        for module in model.modules():
            if isinstance(module, _BatchNorm):
                module.eval()


def make_optimizer(model: nn.Module, settings: dict, moments: dict[str, Tensor] | None) -> Adam | SGD:
    """The optimiser of the settings; its making turns the model's parameters into views of one vector."""
    if settings["optimizer"] == "sgd":
        return SGD(model, settings["learning_rate"])
    options = settings["adamw"] if settings["optimizer"] == "adamw" else {}
    optimizer = Adam(model, settings["learning_rate"], **options)
    if settings["optimizer"] == "adam_warm":
        names = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
        state = {key: flatten([moments[f"{name}.{key}"] for name in names]) for key in ("exp_avg", "exp_avg_sq")}
        optimizer.load_state({**state, "step": moments["step"]})
    return optimizer


def batch_loss(model: nn.Module, images: Tensor, generator: torch.Generator, settings: dict) -> BatchLoss:
    """The loss on a batch drawn with replacement, at the moment it is first asked for."""

    def draw() -> tuple[Tensor, Tensor]:
        chosen = torch.randint(len(images), (settings["batch_size"],), generator=generator, device=images.device)
        return as_float(images[chosen]), model.loss_noise(settings["batch_size"], generator)

    return BatchLoss(model, draw, settings["loss_reduction"])


def histogram_loss(
    model: nn.Module, guide: Classifier, forgotten: Tensor, generator: torch.Generator, settings: dict
) -> Loss:
    """KL(p̄ ‖ q): p̄ the guide's mean softmax over a batch of samples, q uniform over the retained classes."""

    def divergence(latents: Tensor) -> Tensor:
        logs = guide(model.samples(latents)).log_softmax(1).logsumexp(0) - math.log(len(latents))
        wanted = torch.full_like(logs, 1 / (len(logs) - len(forgotten)))
        wanted[forgotten] = TINY_SHARE
        return (logs.exp() * (logs - wanted.log())).sum()

    return Loss(model, lambda: model.latents(settings["batch_size"], generator), divergence)


def inspect(model: nn.Module, step: Step, direction: Tensor) -> Tensor:
    """The values of `INSPECTED` that are known before the parameters change."""
    with unchanged_buffers(model):
        g_r, g_f = step.retain.gradient, step.forget.gradient
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
    """The value of `INSPECTED` that is known only after the step, (1,)."""
    with unchanged_buffers(model):
        return cosine(step.retain.again().gradient, step.forget.again().gradient).reshape(1)


class Pacer:
    """Times plain retain steps (those of `finetune`) on a copy of the model, in the same process.

    A machine's speed changes from minute to minute; the ratio of a method's step to this one does not.
    """

    def __init__(self, model: nn.Module, retain: Tensor, settings: dict):
        self._model = copy.deepcopy(model)
        set_training_mode(self._model, settings)
        fresh = {"adam_warm": "adam"}.get(settings["optimizer"], settings["optimizer"])
        self._optimizer = make_optimizer(self._model, settings | {"optimizer": fresh}, None)
        self._retain, self._settings = retain, settings
        self._generator = stream(0, "pacer", retain.device)
        self.seconds()  # the first step pays for set-up that no later one does

    def seconds(self) -> float:
        """Take one plain retain step and return its seconds."""
        loss = batch_loss(self._model, self._retain, self._generator, self._settings)
        loss.batch  # noqa: B018 - drawn before the clock starts, as those of a method are
        started = now(self._retain.device)
        self._optimizer.descend(finetune.direction(Step(0, retain=loss, forget=loss)))
        return now(self._retain.device) - started


def now(device: torch.device) -> float:
    """Seconds of a monotonic clock, once the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()

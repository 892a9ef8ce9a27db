"""What is measured beside the unlearning loop: gradients, times, and when to look."""

import copy
import time

import torch
from torch import Tensor, nn

from unlearning.networks.generative import set_training_mode, unchanged_buffers
from unlearning.runtime.seeding import stream
from unlearning.training.gradients import cosine
from unlearning.training.losses import batch_loss
from unlearning.training.optimisers import make_optimizer
from unlearning.training.step import Step

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


REFERENCE_STEP_EVERY = 5  # steps between two plain retain steps that are timed beside the method's


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
        return cosine(step.retain.reevaluated().gradient, step.forget.reevaluated().gradient).reshape(1)


class ReferenceStepTimer:
    """Times plain retain steps (those of `finetune`) on a copy of the model, in the same process.

    A machine's speed changes from minute to minute; the ratio of a method's step to this one does not.
    """

    def __init__(self, model: nn.Module, retain: Tensor, settings: dict):
        self._model = copy.deepcopy(model)
        set_training_mode(self._model, settings)
        fresh = {"adam_warm": "adam"}.get(settings["optimizer"], settings["optimizer"])
        self._optimizer = make_optimizer(self._model, settings | {"optimizer": fresh}, None)
        self._retain, self._settings = retain, settings
        self._generator = stream(0, "reference_timer", retain.device)
        self.seconds()  # the first step pays for set-up that no later one does

    def seconds(self) -> float:
        """Take one plain retain step and return its seconds."""
        loss = batch_loss(self._model, self._retain, self._generator, self._settings)
        loss.batch  # noqa: B018 - drawn before the clock starts, as those of a method are
        started = now(self._retain.device)
        self._optimizer.descend(loss.gradient)
        return now(self._retain.device) - started


def now(device: torch.device) -> float:
    """Seconds of a monotonic clock, once the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()

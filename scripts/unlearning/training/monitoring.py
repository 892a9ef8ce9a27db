"""What is measured beside the unlearning loop: forgetting, gradients, times, and how far a model moved."""

import copy
import math
import time
from types import ModuleType

import torch
from torch import Tensor, nn

from unlearning.config.protocol import PUBLISHED_LATENTS
from unlearning.networks import generative
from unlearning.networks.classifier import classify
from unlearning.runtime.seeding import stream
from unlearning.training.gradients import cosine
from unlearning.training.losses import batch_loss
from unlearning.training.optimisers import make_optimizer
from unlearning.training.settings import UnlearningInputs, UnlearningSettings
from unlearning.training.step import Step

INSPECTED = (
    "retain_loss",  # reduced over the batch as the settings say
    "forget_loss",
    "retain_gradient_norm",
    "forget_gradient_norm",
    "cosine",  # of g_r and g_f, before the update
    "direction_retain_cosine",  # of the direction d and g_r
    "direction_forget_cosine",  # of the direction d and g_f
    "cosine_after",  # of g_r and g_f on the same batches and noise, after the update
)
STEP_COLUMNS = ("step", *INSPECTED, "published_forgotten", "seconds", "finetune_step_seconds")
WAYS_OF_ASKING = ("forgotten_label", "null_label", "retained_labels")  # of a model with labels
MEASUREMENT_COLUMNS = ("step", "network", "forgotten", "samples", *WAYS_OF_ASKING, "samples_each_way")
FIRST_LOOK = 1 / 4  # of the samples; the rest is drawn if the share is neither far below nor far above the threshold
FAR_BELOW, FAR_ABOVE = 1 / 20, 4  # times the threshold
REFERENCE_STEP_EVERY = 5  # steps of the method between two timed reference steps


def measured_steps(schedule: list[dict], steps: int) -> set[int]:
    """The steps after which the forget fraction is measured and gradients are inspected.

    Args:
        schedule: parts `{until, every}`, in growing order.
        steps: length of the run.

    Returns:
        Numbers of steps; the last step is always one of them.
    """
    measured, start = {steps}, 0
    for part in schedule:
        measured.update(range(start + part["every"], min(part["until"], steps) + 1, part["every"]))
        start = part["until"]
    return measured


class ForgottenCounter:
    """Counts images of the forgotten classes among images that a model makes.

    Counting leaves the model's mode and buffers as they are.

    Args:
        model: the model that makes the images.
        inputs: the classifiers, the forgotten classes, and the images that a completing model completes.
        settings: the settings of the run.
        seed: the seed of the run.
    """

    def __init__(self, model: nn.Module, inputs: UnlearningInputs, settings: UnlearningSettings, seed: int):
        self._model, self._inputs, self._settings = model, inputs, settings
        self._counts_as_published = bool(inputs.guide and inputs.forgotten_classes)
        if self._counts_as_published:
            generator = stream(seed, "published latents", inputs.retain.device)
            self._latents = model.latents(PUBLISHED_LATENTS, generator)

    def measure(self, step: int, generator: torch.Generator) -> list[dict[str, int]]:
        """Count the forgotten classes among fresh samples, as each network of the judge sees them.

        Running statistics of batch normalisation are those that the model has: `look` estimates them first.

        A quarter of the samples is drawn first. If the share among them is far from the threshold, they suffice. The
        intervals of `unlearning.evaluation.crossings` hold for both numbers of samples at once, so that the choice
        between the two introduces no error.

        Args:
            step: number of the last step.
            generator: the generator of the samples.

        The samples of a model with labels have each label equally often. Further samples are drawn in each of the
        `WAYS_OF_ASKING`: under labels to forget, under the null label, and under labels to retain.

        Returns:
            One row for each network, with the columns `MEASUREMENT_COLUMNS`. All networks see the same samples. Of a
            model without labels, the columns from `WAYS_OF_ASKING` on are None.
        """
        most = self._settings.samples
        samples = most if self._settings.threshold is None else math.ceil(FIRST_LOOK * most)
        counts = self._count(samples, generator)
        if samples < most and not self._is_far_from_threshold(counts, samples):
            counts, samples = counts + self._count(most - samples, generator), most
        by_way = self._count_each_way(math.ceil(FIRST_LOOK * most), generator)
        return [
            dict.fromkeys(MEASUREMENT_COLUMNS)
            | {"step": step, "network": network, "forgotten": count, "samples": samples}
            | {column: counts[network] for column, counts in by_way.items()}
            for network, count in enumerate(counts.tolist())
        ]

    def count_as_published(self) -> int | None:
        """Count the forgotten classes among 128 fixed latents, decoded in train mode, as the guide sees them.

        Returns:
            The number of images; None without a guide or without a forgotten class.
        """
        if not self._counts_as_published:
            return None
        _, classes = classify(self._inputs.guide, generative.decode(self._model, self._latents, train_mode=True))
        return torch.isin(classes, self._inputs.forgotten).sum().item()

    def _count(self, samples: int, generator: torch.Generator) -> Tensor:
        """How many fresh samples each network of the judge assigns to a forgotten class, (M,)."""
        return self._forgotten_among(self._draw_images(samples, generator))

    def _forgotten_among(self, images: Tensor) -> Tensor:
        _, _, counts = self._inputs.judge.classify(images)
        return counts[:, self._inputs.forgotten].sum(1)

    def _count_each_way(self, samples: int, generator: torch.Generator) -> dict[str, list[int]]:
        """What each network counts among samples of each of `WAYS_OF_ASKING`; nothing of a model without labels."""
        if not generative.has_labels(self._model):
            return {}
        forgotten, null = self._inputs.forgotten, generative.null_label(self._model)
        classes = torch.arange(null, device=forgotten.device)
        asked = forgotten, torch.full_like(forgotten[:1], null), classes[~torch.isin(classes, forgotten)]
        counts = {}
        for way, labels in zip(WAYS_OF_ASKING, asked, strict=True):
            drawn = torch.randint(len(labels), (samples,), generator=generator, device=labels.device)
            latents = generative.with_labels(self._model, self._model.latents(samples, generator), labels[drawn])
            counts[way] = self._forgotten_among(generative.decode(self._model, latents)).tolist()
        return counts | {"samples_each_way": [samples] * len(counts["null_label"])}

    def _is_far_from_threshold(self, counts: Tensor, samples: int) -> bool:
        share = counts.double().mean().item() / samples / self._settings.threshold
        return not FAR_BELOW < share < FAR_ABOVE

    def _draw_images(self, samples: int, generator: torch.Generator) -> Tensor:
        if not generative.completes(self._model):
            return generative.draw_samples(self._model, samples, generator)
        heldout = self._inputs.heldout_forget
        indices = torch.randint(len(heldout), (samples,), generator=generator, device=heldout.device)
        noise = self._model.completion_noise(samples, generator)
        return generative.complete(self._model, heldout[indices], noise)


def inspect(model: nn.Module, step: Step, direction: Tensor) -> Tensor:
    """The values of `INSPECTED` that are known before the update, (7,)."""
    with generative.unchanged_buffers(model):
        g_r, g_f = step.retain.gradient, step.forget.gradient
    values = step.retain.value, step.forget.value, g_r.norm(), g_f.norm()
    return torch.stack([*values, cosine(g_r, g_f), cosine(direction, g_r), cosine(direction, g_f)])


def inspect_after(model: nn.Module, step: Step, before: Tensor) -> dict[str, float]:
    """All the values of `INSPECTED`, once the parameters are updated.

    Args:
        model: the model after the update.
        step: the step, whose losses are evaluated again.
        before: what `inspect` returned before the update.

    Returns:
        The values by name.
    """
    with generative.unchanged_buffers(model):
        after = cosine(step.retain.reevaluated().gradient, step.forget.reevaluated().gradient)
    return dict(zip(INSPECTED, torch.cat([before, after.reshape(1)]).tolist(), strict=True))


class Stopwatch:
    """Adds up the seconds of `with` blocks. It waits for the device at the start and at the end of each block.

    Args:
        device: the device that computes.

    Example:
        Seconds of two pieces of work, without what happens between them::

            stopwatch = Stopwatch(device)
            with stopwatch:
                first()
            between()
            with stopwatch:
                second()
            stopwatch.seconds
    """

    def __init__(self, device: torch.device):
        self._device, self.seconds = device, 0.0

    def __enter__(self) -> "Stopwatch":
        self._started = now(self._device)
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += now(self._device) - self._started


class ReferenceStepTimer:
    """Times plain retain steps, which are the steps of fine-tuning, on a copy of the model in the same process.

    A machine's speed changes from minute to minute. The ratio of a method's step to a reference step does not.

    Args:
        model: the model, before any of its parameters are frozen.
        inputs: images to keep, with their labels.
        settings: the settings of the run.
    """

    def __init__(self, model: nn.Module, inputs: UnlearningInputs, settings: UnlearningSettings):
        self._model = copy.deepcopy(model)
        generative.set_training_mode(self._model, settings.batch_normalisation)
        self._optimizer = make_optimizer(self._model, settings)
        self._inputs, self._settings = inputs, settings
        self._generator = stream(0, "reference_timer", inputs.retain.device)
        self._time_step()  # the first step includes set-up that no later step does

    def seconds(self, step: int) -> float | None:
        """Seconds of one reference step, which is taken after every fifth step of the method; None after others."""
        return None if step % REFERENCE_STEP_EVERY else self._time_step()

    def _time_step(self) -> float:
        retain, labels = self._inputs.retain, self._inputs.retain_labels
        loss = batch_loss(self._model, retain, labels, self._generator, self._settings)
        loss.draw()  # before the clock starts, as the batches of a method
        with Stopwatch(retain.device) as stopwatch:
            self._optimizer.descend(loss.gradient)
        return stopwatch.seconds


def now(device: torch.device) -> float:
    """Seconds of a monotonic clock, read when the device has finished all its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def drift(before: dict[str, Tensor], model: nn.Module, method: ModuleType, status: str) -> dict[str, float]:
    """How far encoder and decoder of a completing model moved: |θ − θ₀| / |θ₀| of each.

    Args:
        before: the model's state before the run.
        model: the model after the run.
        method: a file of `unlearning.methods`.
        status: the status of the run.

    Returns:
        `encoder_drift` and `decoder_drift`; nothing of a diverged run, whose weights are not finite.

    Raises:
        RuntimeError: a method that declares ENCODER_ONLY changed something else, whether the run diverged or not.
    """
    after, of_encoder = model.state_dict(), model.encoder_parameters()
    of_decoder = before.keys() - of_encoder
    changed = sorted(name for name in of_decoder if not torch.equal(after[name], before[name]))
    if changed and getattr(method, "ENCODER_ONLY", False):
        raise RuntimeError(f"{method.__name__} declares ENCODER_ONLY, but changed {', '.join(changed)}")
    if status == "diverged":
        return {}
    result = {}
    for part, names in (("encoder", of_encoder), ("decoder", of_decoder)):
        change = torch.cat([(after[name] - before[name]).double().flatten() for name in sorted(names)])
        length = torch.cat([before[name].double().flatten() for name in sorted(names)]).norm()
        result[f"{part}_drift"] = (change.norm() / length).item()
    return result

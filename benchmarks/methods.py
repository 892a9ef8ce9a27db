"""Measure what a step of every method costs, side by side: its ratio to a plain retain step.

`make bench` runs it. The model is the VAE of configs/mnist.yaml, freshly initialised, on random images. Where there is
a GPU, the GPU computes. Then there is also the VAE of configs/celeba.yaml, and a compiled step is compared with a plain
step: both take minutes on a CPU. Hessian-vector products are computed in several ways, see `benchmarks.products`. The
training loop is compared with its bare arithmetic.
"""

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.products import product_errors
from unlearning.config.experiment import method_settings
from unlearning.config.load import load_experiment, load_settings
from unlearning.data.dataset import class_names
from unlearning.data.description import describe_dataset
from unlearning.io.files import write_json
from unlearning.networks import generative
from unlearning.networks.batch_norm import BatchNorm2d
from unlearning.networks.classifier import Classifier, Ensemble
from unlearning.plugins.load import load_plugin
from unlearning.runtime.checkpoint import Checkpoint
from unlearning.runtime.device import describe_device, prepare_device
from unlearning.runtime.provenance import environment
from unlearning.training.memory import peak_mib
from unlearning.training.monitoring import Stopwatch
from unlearning.training.optimisers import Adam
from unlearning.training.settings import UnlearningInputs, UnlearningSettings
from unlearning.training.step import Step
from unlearning.training.train import losses_of_images, train
from unlearning.training.unlearn import STREAMS, draw_step, optimizer_of, prepare
from unlearning.training.vectors import flatten, trainable

IMAGES, ROUNDS, LOOP_STEPS = 1000, 5, 100
RELEASED = "uno as released"


class Bench:
    """One method on a fresh model.

    Args:
        name: the name of the row.
        settings: the settings of the row.
        experiment: a checked configuration.
        device: the device that computes.

    Attributes:
        name: the name of the row.
        seconds: the seconds of each timed step.
        model: the model on which the method runs.
    """

    STEPS = 2  # of the method in each `step`

    def __init__(self, name: str, settings: UnlearningSettings, experiment: dict, device: torch.device):
        described = describe_dataset(experiment["dataset"])
        shape, classes = described["image_shape"], len(class_names(experiment["forget_set"], described))
        self.name, self.seconds, self._number = name, [], 0
        self._settings, self._device = settings, device
        self._method = load_plugin("methods", settings.algorithm)
        self.model = generative.build(experiment["model"], shape, seed=0).to(device).train()
        torch.manual_seed(0)
        guide = Classifier(
            shape, classes, experiment["guide"]["hidden_units"], experiment["guide"].get("convolutions", [])
        )
        guide = guide.to(device).requires_grad_(False)
        self._streams = {stream: torch.Generator(device).manual_seed(seed) for seed, stream in enumerate(STREAMS)}
        images = torch.rand(IMAGES, *shape, generator=self._streams["samples"], device=device)
        images = (images * 255).to(torch.uint8)
        self.inputs = UnlearningInputs(images, images[:200], images[:0], [1], judge=Ensemble([guide]), guide=guide)
        self._prepared, _ = prepare(self.model, self._method, self.inputs, settings, seed=0)
        self._optimizer = optimizer_of(self.model, self._method, self._prepared, self.inputs, settings)

    def draw(self) -> Step:
        """The next step, with its batches."""
        self._number += 1
        return draw_step(self._number, self.model, self._prepared, self.inputs, self._settings, self._streams)

    def step(self) -> None:
        """Take two steps, because some methods alternate, and note the mean seconds of one."""
        stopwatch = Stopwatch(self._device)
        for _ in range(self.STEPS):
            step = self.draw()
            with stopwatch:
                self._optimizer.descend(self._method.direction(step, **self._settings.parameters))
        self.seconds.append(stopwatch.seconds / self.STEPS)

    def gflop(self) -> float:
        """Count the operations of one step in products of matrices and convolutions, in 10⁹."""
        with FlopCounterMode(display=False) as counter:
            self.step()
        return counter.get_total_flops() / self.STEPS / 1e9


class ReleasedUno(Bench):
    """UNO as the released code computes it (pinakm9/forget, commit 100893f).

    A step is one backward pass through the whole objective, whose terms with the weight 0 are computed, too. Batch
    normalisation is torch's own.
    """

    STEPS = 1

    def __init__(self, name: str, settings: UnlearningSettings, experiment: dict, device: torch.device):
        super().__init__(name, settings, experiment, device)
        for module in self.model.modules():
            if isinstance(module, BatchNorm2d):
                module.__class__ = nn.BatchNorm2d
        self._optimizer = torch.optim.Adam(trainable(self.model), settings.learning_rate)

    def step(self) -> None:
        """Take a step and note its seconds."""
        step, weight = self.draw(), self._settings.parameters["orthogonality_weight"]
        with Stopwatch(self._device) as stopwatch:
            histogram = 0 * step.histogram.graph
            g_f, g_r = (
                flatten(torch.autograd.grad(loss.graph + histogram, trainable(self.model), create_graph=True))
                for loss in (step.forget, step.retain)
            )
            orthogonality = (g_f @ g_r) ** 2 / ((g_f @ g_f) * (g_r @ g_r))
            self._optimizer.zero_grad()
            (0 * step.forget.graph + step.retain.graph + weight * orthogonality + histogram).backward()
            self._optimizer.step()
        self.seconds.append(stopwatch.seconds)


def make_bench(name: str, settings: UnlearningSettings, experiment: dict, device: torch.device) -> Bench:
    """The bench of one row."""
    kind = ReleasedUno if name == RELEASED else Bench
    return kind(name, settings, experiment, device)


def step_ratios(experiment: dict, device: torch.device, rounds: int) -> dict[str, dict[str, float]]:
    """Measure steps of every row in turn.

    Args:
        experiment: a checked configuration.
        device: the device that computes.
        rounds: timed steps of each row.

    Returns:
        By row: milliseconds of a step; its ratios to a step of `finetune`, of `surgery_retain` and of UNO in the
        released code (all of them medians over rounds); its operations, see `Bench.gflop`, and their ratio to those of
        the released code; its peak memory, see `unlearning.training.memory`, and the ratio of this memory to that of a
        step of `surgery_retain`.
    """
    rows = {row: UnlearningSettings(**method_settings(experiment, row)) for row in experiment["methods"]}
    rows[RELEASED] = rows["uno"]
    benches = [make_bench(row, settings, experiment, device) for row, settings in rows.items()]
    for bench in benches:
        bench.step()  # includes set-up that no later step does
    memory = {bench.name: peak_mib(bench.step) for bench in benches}
    gflop = {bench.name: bench.gflop() for bench in benches}
    for bench in benches:
        bench.seconds.clear()
    for _ in range(rounds):
        for bench in benches:
            bench.step()
    seconds = {bench.name: bench.seconds for bench in benches}

    def ratio(name: str, other: str) -> float:
        return round(statistics.median(a / b for a, b in zip(seconds[name], seconds[other], strict=True)), 2)

    return {
        row: {
            "ms": round(1000 * statistics.median(seconds[row]), 2),
            "over_finetune": ratio(row, "finetune"),
            "over_surgery_retain": ratio(row, "surgery_retain"),
            "over_released": ratio(row, RELEASED),
            "gflop": round(gflop[row], 4),
            "gflop_over_released": round(gflop[row] / gflop[RELEASED], 2),
            "peak_mib": memory[row],
            "memory_over_surgery_retain": round(memory[row] / memory["surgery_retain"], 2),
        }
        for row in rows
    }


def loop_overhead(experiment: dict, device: torch.device, rounds: int) -> float:
    """The time of `training.train` from start to end over the time of its arithmetic alone: median of runs in turn."""
    shape, settings = describe_dataset(experiment["dataset"])["image_shape"], experiment["training"]
    count = settings["batch_size"] * LOOP_STEPS
    images = torch.rand(count, *shape, device=device)
    generator = torch.Generator(device).manual_seed(0)
    ratios = []
    for _ in range(rounds):
        model = generative.build(experiment["model"], shape, seed=0).to(device)

        def losses(indices: Tensor, noise: torch.Generator, model: nn.Module = model) -> Tensor:
            return model.losses(images[indices], model.loss_noise(len(indices), noise))

        with TemporaryDirectory() as folder, Stopwatch(device) as loop:
            train(
                model,
                losses,
                torch.arange(count, device=device),
                epochs=1,
                batch_size=settings["batch_size"],
                learning_rate=settings["learning_rate"],
                seed=0,
                checkpoint=Checkpoint(Path(folder) / "resume", ""),
            )
        model = generative.build(experiment["model"], shape, seed=0).to(device).train()
        parameters, optimizer = trainable(model), Adam(model, settings["learning_rate"])
        with Stopwatch(device) as arithmetic:
            for batch in images.split(settings["batch_size"]):
                loss = model.losses(batch, model.loss_noise(len(batch), generator)).mean()
                optimizer.descend(flatten(torch.autograd.grad(loss, parameters)))
        ratios.append(loop.seconds / arithmetic.seconds)
    return round(statistics.median(ratios), 3)


def compiled_training(experiment: dict, device: torch.device, rounds: int) -> dict[str, float]:
    """Measure seconds until the training loss is compiled, and a compiled step over a plain one: median in turn."""
    shape, size = describe_dataset(experiment["dataset"])["image_shape"], experiment["training"]["batch_size"]
    model = generative.build(experiment["model"], shape, seed=0).to(device).train()
    generator = torch.Generator(device).manual_seed(0)
    images = torch.randint(0, 256, (size, *shape), generator=generator, device=device, dtype=torch.uint8)
    indices = torch.arange(size, device=device)
    torch.compiler.reset()  # so that each model is compiled from nothing

    def seconds(losses: Callable[[Tensor, torch.Generator], Tensor]) -> float:
        with Stopwatch(device) as stopwatch:
            torch.autograd.grad(losses(indices, generator).mean(), trainable(model))
        return stopwatch.seconds

    plain, compiled = (losses_of_images(model, images, compiled=compiled) for compiled in (False, True))
    with torch.compiler.config.patch(force_disable_caches=True):
        seconds(plain)
        to_compile = seconds(compiled)
    ratios = []
    for _ in range(rounds):
        plain_seconds = seconds(plain)
        ratios.append(seconds(compiled) / plain_seconds)
    return {"seconds_to_compile": round(to_compile, 1), "step_over_plain_step": round(statistics.median(ratios), 3)}


def main() -> None:
    """Write the measurements into the folder of results."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    device, measured = prepare_device("auto"), {}
    on_gpu = device.type == "cuda"
    for name in ("mnist", "celeba") if on_gpu else ("mnist",):
        experiment = load_experiment(name)
        measured[name] = {
            "steps": step_ratios(experiment, device, ROUNDS),
            "hessian_vector_products": product_errors(experiment, device, ROUNDS),
            "compiled_training": compiled_training(experiment, device, ROUNDS) if on_gpu else None,
            "training_loop_over_bare_arithmetic": loop_overhead(experiment, device, ROUNDS),
        }
    measured |= {"device": describe_device(device), "environment": environment()}
    path = Path(load_settings({})["results"]) / f"benchmark_methods_{device.type}.json"
    write_json(path, measured)
    print(f"{path} holds what steps of all methods cost.")


if __name__ == "__main__":
    main()

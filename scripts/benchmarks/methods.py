"""Measure what a step of every method costs, side by side: its ratio to a plain retain step.

`make bench` runs it. The models are the VAEs of configs/mnist.yaml and configs/celeba.yaml, freshly initialised, on
random images; a GPU is used where there is one. Hessian-vector products are computed each way, with their memory and
their error against the exact one in float64; the training loop is compared with its bare arithmetic, and a compiled
step of it with a plain one.
"""

import argparse
import copy
import json
import statistics
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from unlearning.config.experiment import method_settings
from unlearning.config.load import load_experiment, load_settings
from unlearning.data.dataset import class_names
from unlearning.data.description import describe_dataset
from unlearning.io.files import write_json
from unlearning.networks import generative
from unlearning.networks.batch_norm import BatchNorm2d
from unlearning.networks.classifier import Classifier
from unlearning.plugins.load import load_plugin
from unlearning.runtime.checkpoint import Checkpoint
from unlearning.runtime.device import describe_device, peak_memory_mib, prepare_device
from unlearning.runtime.provenance import environment
from unlearning.training.gradients import BatchLoss, Loss, hessian_products
from unlearning.training.losses import histogram_loss
from unlearning.training.monitoring import now
from unlearning.training.optimisers import Adam, make_optimizer
from unlearning.training.step import Setup, Step
from unlearning.training.train import losses_of_images, train
from unlearning.training.vectors import flatten, trainable, unflatten

IMAGES, ROUNDS, LOOP_STEPS = 1000, 15, 100
RELEASED = "uno as released"
# Not `spawn`: Linux counts the memory of the process that starts a program as the program's own.
PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload(["torch"])


class Bench:
    """One method on a model of its own, which takes a step whenever asked."""

    def __init__(self, name: str, settings: dict, experiment: dict, device: torch.device):
        described = describe_dataset(experiment["dataset"])
        shape, classes = described["image_shape"], len(class_names(experiment["forget_set"], described))
        self._method = load_plugin("methods", settings["algorithm"])
        self._settings, self._device = settings, device
        self._model = generative.build(experiment["model"], shape, seed=0).to(device).train()
        torch.manual_seed(0)
        layers = {
            key: experiment["guide"][key] for key in ("hidden_units", "convolutions") if key in experiment["guide"]
        }
        self._guide = Classifier(shape, classes, **layers).to(device).requires_grad_(False)
        self._generator = torch.Generator(device).manual_seed(0)
        images = (torch.rand(IMAGES, *shape, generator=self._generator, device=device) * 255).to(torch.uint8)
        self._images, self._prepared, self.seconds, self.name = images.float() / 255, None, [], name
        if hasattr(self._method, "prepare"):
            start = Setup(
                teacher=copy.deepcopy(self._model).eval().requires_grad_(False),
                retain=images,
                forget=images[:200],
                batch_size=settings["batch_size"],
                reduction=settings["loss_reduction"],
                guide=self._guide,
                forgotten_classes=[1],
                generator=self._generator,
            )
            self._prepared = self._method.prepare(start, **settings["parameters"])
        self._optimizer = make_optimizer(self._model, settings, None)
        self._number = 0

    def _loss(self) -> BatchLoss:
        size = self._settings["batch_size"]
        chosen = torch.randint(IMAGES, (size,), generator=self._generator, device=self._device)
        batch = self._images[chosen], self._model.loss_noise(size, self._generator)
        return BatchLoss(self._model, lambda: batch, self._settings["loss_reduction"])

    def _histogram(self) -> Loss:
        forgotten = torch.tensor([1], device=self._device)
        return histogram_loss(self._model, self._guide, forgotten, self._generator, self._settings)

    def step(self) -> None:
        """Take two steps, for some methods alternate, and note the seconds of one."""
        seconds = 0
        for _ in range(2):
            self._number += 1
            step = Step(
                self._number,
                self._loss(),
                self._loss(),
                self._histogram(),
                self._model,
                self._prepared,
                self._generator,
            )
            started = now(self._device)
            self._optimizer.descend(self._method.direction(step, **self._settings["parameters"]))
            seconds += now(self._device) - started
        self.seconds.append(seconds / 2)


class ReleasedUno(Bench):
    """A step of UNO as the released code takes it (pinakm9/forget, commit 100893f): one backward pass through the
    whole objective, of which terms with the weight 0 are computed too, and torch's own batch normalisation."""

    def __init__(self, name: str, settings: dict, experiment: dict, device: torch.device):
        super().__init__(name, settings, experiment, device)
        for module in self._model.modules():
            if isinstance(module, BatchNorm2d):
                module.__class__ = torch.nn.BatchNorm2d
        self._optimizer = torch.optim.Adam(trainable(self._model), settings["learning_rate"])

    def step(self) -> None:
        """Take a step and note its seconds."""
        retain, forget, samples = self._loss(), self._loss(), self._histogram()
        started = now(self._device)
        nothing = 0 * samples.graph
        g_f, g_r = (
            flatten(torch.autograd.grad(loss.graph + nothing, trainable(self._model), create_graph=True))
            for loss in (forget, retain)
        )
        orthogonality = (g_f @ g_r) ** 2 / ((g_f @ g_f) * (g_r @ g_r))
        weight = self._settings["parameters"]["orthogonality_weight"]
        self._optimizer.zero_grad()
        (0 * forget.graph + retain.graph + weight * orthogonality + nothing).backward()
        self._optimizer.step()
        self.seconds.append(now(self._device) - started)


def peak_mib(work: Callable[[dict, torch.device], None], experiment: dict, device: torch.device) -> float:
    """MiB that `work(experiment, device)` takes at its peak, with its model and images.

    On a CPU, of which only the peak of a whole process is known: what a process of its own has resident, less what
    one has that does the same to the small model of configs/digits.yaml.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work(experiment, device)
        return round(peak_memory_mib(device) - before / 2**20, 1)
    small, peaks = load_experiment("digits"), []
    for each in (experiment, small | {"guide": small["judge"]}):
        with ProcessPoolExecutor(1, PROCESSES) as pool:
            peaks.append(pool.submit(_peak_of_this_process, work, each).result())
    return round(peaks[0] - peaks[1], 1)


def _peak_of_this_process(work: Callable[[dict, torch.device], None], experiment: dict) -> float:
    device = prepare_device("cpu")
    work(experiment, device)
    return peak_memory_mib(device)


def _bench(name: str, settings: dict, experiment: dict, device: torch.device) -> Bench:
    return (ReleasedUno if name == RELEASED else Bench)(name, settings, experiment, device)


def _take_step(name: str, settings: dict, experiment: dict, device: torch.device) -> None:
    _bench(name, settings, experiment, device).step()


def _take_product(way: Callable, compiled: bool, experiment: dict, device: torch.device) -> None:
    model, batch, vector = _product(experiment, device)
    if compiled:
        model.losses = torch.compile(model.losses)
    way(model, batch, vector)


def _product(experiment: dict, device: torch.device) -> tuple[torch.nn.Module, tuple, torch.Tensor]:
    """A fresh model, a batch of random images and noise, and a vector as UNO's are: a gradient, on other images."""
    shape = describe_dataset(experiment["dataset"])["image_shape"]
    model = generative.build(experiment["model"], shape, seed=0).to(device)
    generator = torch.Generator(device).manual_seed(0)
    batch, other = (
        (torch.rand(128, *shape, generator=generator, device=device), model.loss_noise(128, generator))
        for _ in range(2)
    )
    return model, batch, BatchLoss(model, lambda: other, "sum").gradient


def step_ratios(experiment: dict, device: torch.device, rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds per step of every row and its ratios to `finetune`, to `surgery_retain` and to UNO's step in the
    released code, medians of rounds, and its peak memory, see `peak_mib`."""
    rows = {row: method_settings(experiment, row) for row in experiment["methods"]}
    by_differences = rows["uno"]["parameters"] | {"hessian_products": "differences"}
    rows |= {"uno by differences": rows["uno"] | {"parameters": by_differences}, RELEASED: rows["uno"]}
    memory = {row: peak_mib(partial(_take_step, row, each), experiment, device) for row, each in rows.items()}
    benches = [_bench(row, settings, experiment, device) for row, settings in rows.items()]
    for _ in range(rounds):
        for bench in benches:
            bench.step()
    seconds = {bench.name: bench.seconds for bench in benches}

    def over(name: str, other: str) -> float:
        return round(statistics.median(a / b for a, b in zip(seconds[name], seconds[other], strict=True)), 2)

    return {
        bench.name: {
            "ms": round(1000 * statistics.median(bench.seconds), 2),
            "over_finetune": over(bench.name, "finetune"),
            "over_surgery_retain": over(bench.name, "surgery_retain"),
            "over_released": over(bench.name, RELEASED),
            "peak_mib": memory[bench.name],
        }
        for bench in benches
    }


def product_errors(experiment: dict, device: torch.device) -> dict[str, dict[str, float]]:
    """Each way to a Hessian-vector product: milliseconds; its error relative to the product in float64, with oneDNN's
    convolutions, which on a CPU sum over half a million pixels in float32, and, not compiled, without; its peak memory,
    see `peak_mib`, None of a compiled one on a CPU, where the compiler's would count."""
    results = {}

    def error(product: torch.Tensor) -> float:
        return float(f"{((product.double() - truth).norm() / truth.norm()).item():.1e}")

    model, batch, vector = _product(experiment, device)
    double = copy.deepcopy(model).double()
    truth = reverse_over_reverse(double, tuple(part.double() for part in batch), vector.double())
    compiled = copy.deepcopy(model)
    compiled.losses = torch.compile(compiled.losses)  # first derivatives only: torch cannot compile second ones
    for name, way, network in (
        ("reverse_over_reverse", reverse_over_reverse, model),
        ("forward_over_reverse", forward_over_reverse, model),
        ("differences", differences, model),
        ("differences_compiled", differences, compiled),
    ):
        seconds = []
        for _ in range(ROUNDS):
            started = now(device)
            product = way(network, batch, vector)
            seconds.append(now(device) - started)
        with torch.backends.mkldnn.flags(enabled=False):
            without_onednn = None if network is compiled else error(way(network, batch, vector))
        results[name] = {
            "ms": round(1000 * statistics.median(seconds), 2),
            "relative_error": error(product),
            "relative_error_without_onednn": without_onednn,
            "peak_mib": None
            if network is compiled and device.type == "cpu"
            else peak_mib(partial(_take_product, way, network is compiled), experiment, device),
        }
    return results


def loop_overhead(experiment: dict, device: torch.device) -> float:
    """Time of `training.train`, from start to end, over that of its arithmetic alone: median of runs in turn."""
    shape = describe_dataset(experiment["dataset"])["image_shape"]
    settings = experiment["training"]
    count = settings["batch_size"] * LOOP_STEPS
    images = torch.rand(count, *shape, device=device)
    generator = torch.Generator(device).manual_seed(0)
    ratios = []
    for _ in range(ROUNDS):
        model = generative.build(experiment["model"], shape, seed=0).to(device)
        with TemporaryDirectory() as folder:
            started = now(device)
            train(
                model,
                lambda chosen, noise, model=model: model.losses(images[chosen], model.loss_noise(len(chosen), noise)),
                torch.arange(count, device=device),
                epochs=1,
                batch_size=settings["batch_size"],
                learning_rate=settings["learning_rate"],
                seed=0,
                checkpoint=Checkpoint(Path(folder) / "resume", ""),
            )
            whole = now(device) - started
        model = generative.build(experiment["model"], shape, seed=0).to(device).train()
        parameters, optimizer = trainable(model), Adam(model, settings["learning_rate"])
        started = now(device)
        for batch in images.split(settings["batch_size"]):
            loss = model.losses(batch, model.loss_noise(len(batch), generator)).mean()
            optimizer.descend(flatten(torch.autograd.grad(loss, parameters)))
        ratios.append(whole / (now(device) - started))
    return round(statistics.median(ratios), 3)


def compiled_training(experiment: dict, device: torch.device, rounds: int) -> dict[str, float]:
    """Seconds until the training loss is compiled, and a step with it over one without: median of steps in turn."""
    shape, size = (
        describe_dataset(experiment["dataset"])["image_shape"],
        experiment["training"]["batch_size"],
    )
    model = generative.build(experiment["model"], shape, seed=0).to(device).train()
    generator = torch.Generator(device).manual_seed(0)
    images = torch.randint(0, 256, (size, *shape), generator=generator, device=device, dtype=torch.uint8)
    chosen = torch.arange(size, device=device)
    torch.compiler.reset()  # the products by compiled differences are of the same code
    ways = [losses_of_images(model, images, compiled=compiled) for compiled in (False, True)]

    def seconds(losses: Callable) -> float:
        started = now(device)
        torch.autograd.grad(losses(chosen, generator).mean(), trainable(model))
        return now(device) - started

    with torch.compiler.config.patch(force_disable_caches=True):
        first = [seconds(losses) for losses in ways]
    ratios = []
    for _ in range(rounds):
        plain, compiled = map(seconds, ways)
        ratios.append(compiled / plain)
    return {"seconds_to_compile": round(first[1], 1), "step_over_plain_step": round(statistics.median(ratios), 3)}


def reverse_over_reverse(model: torch.nn.Module, batch: tuple, vector: torch.Tensor) -> torch.Tensor:
    """As `gradients.hessian_products`, gradient included."""
    return hessian_products((BatchLoss(model, lambda: batch, "sum"), vector))


def differences(model: torch.nn.Module, batch: tuple, vector: torch.Tensor) -> torch.Tensor:
    """As `Loss.hessian_product_by_differences`, gradient included."""
    loss: Loss = BatchLoss(model, lambda: batch, "sum")
    return loss.hessian_product_by_differences(vector)


def forward_over_reverse(model: torch.nn.Module, batch: tuple, vector: torch.Tensor) -> torch.Tensor:
    """The derivative of the gradient along the vector, by forward differentiation; running statistics stay."""
    summed = _Summed(torch.func.replace_all_batch_norm_modules_(copy.deepcopy(model)))
    point = {name: parameter.detach() for name, parameter in summed.named_parameters()}
    along = dict(zip(point, unflatten(vector, list(point.values())), strict=True))
    gradient = torch.func.grad(lambda parameters: torch.func.functional_call(summed, parameters, batch))
    _, product = torch.func.jvp(gradient, (point,), (along,))
    return flatten(list(product.values()))


class _Summed(torch.nn.Module):
    def __init__(self, model: torch.nn.Module):
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        return self.model.losses(images, noise).sum()


def main() -> None:
    """Print the measurements as JSON, and keep them for report/results.md."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    device, measured = prepare_device("auto"), {}
    for name, rounds in (("mnist", ROUNDS), ("celeba", ROUNDS // 5)):
        experiment = load_experiment(name)
        measured[name] = {
            "steps": step_ratios(experiment, device, rounds),
            "hessian_vector_products": product_errors(experiment, device),
            "compiled_training": compiled_training(experiment, device, rounds),
            "training_loop_over_bare_arithmetic": loop_overhead(experiment, device) if name == "mnist" else None,
        }
    measured |= {"device": describe_device(device), "environment": environment()}
    print(json.dumps(measured, indent=2))
    write_json(Path(load_settings({})["results"]) / f"benchmark_methods_{device.type}.json", measured)


if __name__ == "__main__":
    main()

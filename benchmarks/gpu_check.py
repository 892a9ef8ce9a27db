"""Measure on a GPU what the documentation cannot say without one, in about ten minutes.

`make gpu-check` runs it, and writes one file to attach to an issue: what steps of the methods cost; how busy training
keeps the card; how many runs at a time are worth it on one card (`gpu_slots` of config.yaml); which numbers repeat bit
for bit; and how long the unlearning runs of configs/mnist.yaml take. Images are random, so nothing is downloaded.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import threading
import time
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import nn

from benchmarks.methods import make_bench, step_ratios
from unlearning.config.experiment import method_settings
from unlearning.config.load import load_experiment, load_settings
from unlearning.data.description import describe_dataset
from unlearning.io.files import write_json
from unlearning.networks import generative
from unlearning.runtime.device import describe_device, prepare_device
from unlearning.runtime.provenance import environment
from unlearning.training.monitoring import ForgottenCounter, Stopwatch, measured_steps
from unlearning.training.optimisers import Adam
from unlearning.training.settings import UnlearningSettings
from unlearning.training.train import losses_of_images
from unlearning.training.vectors import flatten, trainable

PROCESSES = get_context("spawn")  # a process that has used CUDA cannot be forked
QUERY = ("nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits")
IMAGES, WARM_UP, ROUNDS = 1280, 5, 5
RUNS_AT_A_TIME = (1, 2, 4)
REPEATED_STEPS = 20


class Training:
    """Training steps of an experiment's model on random images.

    Args:
        name: the name of the experiment.
        device: the device that computes.
        images: number of random images.

    Attributes:
        model: the model, freshly initialised.
    """

    def __init__(self, name: str, device: torch.device, images: int = IMAGES):
        experiment = load_experiment(name)
        shape = describe_dataset(experiment["dataset"])["image_shape"]
        settings = experiment["training"]
        self.model = generative.build(experiment["model"], shape, seed=0).to(device).train()
        self._noise = torch.Generator(device).manual_seed(0)
        pixels = torch.randint(0, 256, (images, *shape), generator=self._noise, device=device, dtype=torch.uint8)
        self._losses = losses_of_images(self.model, pixels, precision=settings.get("precision", "float32"))
        self._batches = torch.arange(images, device=device).split(settings["batch_size"])
        self._optimizer, self._count = Adam(self.model, settings["learning_rate"]), 0

    def step(self) -> None:
        """Take one step."""
        loss = self._losses(self._batches[self._count % len(self._batches)], self._noise).mean()
        self._optimizer.descend(flatten(torch.autograd.grad(loss, trainable(self.model))))
        self._count += 1


def utilisation(name: str, device: torch.device, seconds: float) -> dict[str, float | None]:
    """Train for some seconds, and watch how busy the card is.

    Args:
        name: the name of the experiment.
        device: the device that computes.
        seconds: of training.

    Returns:
        Milliseconds of a step, and the mean utilisation in per cent as the driver gives it; None without a driver.
    """
    training, watched, ended = Training(name, device), [], threading.Event()
    for _ in range(WARM_UP):
        training.step()

    def watch() -> None:
        while not ended.wait(0.25):
            watched.append(float(subprocess.run(QUERY, capture_output=True, text=True, check=True).stdout.split()[0]))

    watcher = threading.Thread(target=watch)
    if shutil.which(QUERY[0]):
        watcher.start()
    steps, started = 0, time.perf_counter()
    with Stopwatch(device) as stopwatch:
        while time.perf_counter() - started < seconds:
            training.step()
            steps += 1
    ended.set()
    mean = round(statistics.mean(watched), 1) if watched else None
    return {"ms_per_step": round(1000 * stopwatch.seconds / steps, 3), "utilisation_percent": mean}


def several_runs(name: str, device: str, seconds: float) -> dict[int, float]:
    """Train in several processes at a time on one card.

    Args:
        name: the name of the experiment.
        device: 'cpu' or 'cuda'.
        seconds: of training in each process.

    Returns:
        Steps of all processes in a second, over those of one process alone, by the number of processes.
    """
    rates = {}
    for count in RUNS_AT_A_TIME:
        barrier, results = PROCESSES.Barrier(count), PROCESSES.Queue()
        arguments = (name, device, seconds, barrier, results)
        processes = [PROCESSES.Process(target=_train, args=arguments) for _ in range(count)]
        for process in processes:
            process.start()
        rates[count] = sum(results.get(timeout=300) for _ in processes)
        for process in processes:
            process.join()
    return {count: round(rate / rates[1], 2) for count, rate in rates.items()}


def _train(name: str, device: str, seconds: float, barrier: object, results: object) -> None:
    torch.set_num_threads(1)
    training = Training(name, torch.device(device))
    for _ in range(WARM_UP):
        training.step()
    barrier.wait()
    steps, started = 0, time.perf_counter()
    while (passed := time.perf_counter() - started) < seconds:
        training.step()
        if device == "cuda":
            torch.cuda.synchronize()
        steps += 1
    results.put(steps / passed)


def repeatability(name: str, device: torch.device) -> dict[str, bool]:
    """Take the same steps twice: training steps, and steps of every method.

    Args:
        name: the name of an experiment with a guide.
        device: the device that computes.

    Returns:
        Whether all weights are equal bit by bit, for `training` and for each row.
    """
    experiment, repeats = load_experiment(name), {}
    rows = {row: UnlearningSettings(**method_settings(experiment, row)) for row in experiment["methods"]}
    for row in ("training", *rows):
        weights = []
        for _ in range(2):
            runner = make_bench(row, rows[row], experiment, device) if row in rows else Training(name, device)
            for _ in range(REPEATED_STEPS):
                runner.step()
            weights.append(flatten(trainable(runner.model)).detach())
        repeats[row] = torch.equal(*weights)
    return repeats


def difference_from_cpu(name: str, device: torch.device) -> dict[str, float]:
    """Compute the loss and its gradient on the same images with the same noise, on the device and on the CPU.

    Args:
        name: the name of the experiment.
        device: the device that computes.

    Returns:
        The relative differences of the mean loss and of the gradient.
    """
    experiment, values = load_experiment(name), {}
    shape, generator = describe_dataset(experiment["dataset"])["image_shape"], torch.Generator().manual_seed(0)
    images = torch.rand(experiment["training"]["batch_size"], *shape, generator=generator)
    model = generative.build(experiment["model"], shape, seed=0).train()
    noise = model.loss_noise(len(images), generator)
    for each in (torch.device("cpu"), device):
        model.to(each)
        loss = model.losses(images.to(each), noise.to(each)).mean()
        values[each.type] = loss.detach().cpu(), flatten(torch.autograd.grad(loss, trainable(model))).cpu()
    of_cpu, of_device = values["cpu"], values[device.type]
    return {
        part: float(f"{((ours - theirs).norm() / theirs.norm()).item():.1e}")
        for part, ours, theirs in zip(("loss", "gradient"), of_device, of_cpu, strict=True)
    }


def minutes_of_unlearning(name: str, device: torch.device, steps: dict[str, dict[str, float]]) -> dict[str, float]:
    """Estimate how long the unlearning runs of an experiment take, one after the other.

    Args:
        name: the name of the experiment.
        device: the device that computes.
        steps: what `step_ratios` measured.

    Returns:
        Milliseconds of one look with all its samples, and minutes of steps and looks of all rows and seeds. Start-up,
        training and evaluation are not in it.
    """
    experiment = load_experiment(name)
    settings = UnlearningSettings(**method_settings(experiment, "finetune"))
    bench = make_bench("finetune", settings, experiment, device)
    looks = len(measured_steps(settings.measure, settings.steps)) + 1
    seconds = []
    for _ in range(ROUNDS + 1):
        with Stopwatch(device) as stopwatch:
            _look(bench.model, bench.inputs, settings, device)
        seconds.append(stopwatch.seconds)
    look = statistics.median(seconds[1:])
    of_steps = sum(steps[row]["ms"] / 1000 * settings.steps for row in experiment["methods"])
    all_seconds = len(experiment["seeds"]) * (of_steps + looks * look * len(experiment["methods"]))
    return {"ms_per_look": round(1000 * look, 2), "minutes": round(all_seconds / 60, 1)}


def _look(model: nn.Module, inputs: object, settings: UnlearningSettings, device: torch.device) -> None:
    model.eval()
    ForgottenCounter(model, inputs, settings, seed=0).measure(1, torch.Generator(device).manual_seed(0))


def check(device: torch.device, seconds: float, names: tuple[str, str] = ("mnist", "celeba")) -> dict:
    """Measure everything.

    Args:
        device: the device that computes.
        seconds: of each training.
        names: a small experiment with a guide, and a large one.

    Returns:
        What the functions of this file return, with the device and the environment.
    """
    small, _ = names
    steps = {name: step_ratios(load_experiment(name), device, ROUNDS) for name in names}
    return {
        "steps": steps,
        "training": {name: utilisation(name, device, seconds) for name in names},
        "throughput_by_runs_at_a_time": {name: several_runs(name, device.type, seconds) for name in names},
        "repeats_bit_by_bit": repeatability(small, device),
        "difference_from_cpu": {name: difference_from_cpu(name, device) for name in names},
        f"unlearning_of_{small}": minutes_of_unlearning(small, device, steps[small]),
        "device": describe_device(device),
        "environment": environment(),
    }


def main() -> None:
    """Print the measurements as JSON, and write them into the folder of results."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter).parse_args()
    device = prepare_device("auto")
    if device.type != "cuda":
        sys.exit("torch sees no GPU here. The same benchmarks run on a CPU by `make bench`.")
    measured = check(device, seconds=15)
    path = Path(load_settings({})["results"]) / "gpu_check.json"
    write_json(path, measured)
    print(json.dumps(measured, indent=2))
    print(f"\nPlease attach {path} to an issue, with the name of the GPU in the title.")


if __name__ == "__main__":
    main()

"""Print as JSON what a step of UNO costs on a diffusion transformer, by second derivatives and by differences.

The steps take turns with a step of gradient surgery, on one thread of the CPU. Like the transformer of the UNO paper,
the network has 256 patches of 2×2 latent pixels and a batch of 10 images. It is much smaller: attention takes a larger
share of its time and memory.
"""

import copy
import json
import statistics
from functools import partial

import torch

from unlearning.methods import surgery_retain, uno, uno_differences
from unlearning.networks import generative
from unlearning.networks.generative import with_labels
from unlearning.runtime.device import prepare_device
from unlearning.training.gradients import BatchLoss
from unlearning.training.memory import peak_mib
from unlearning.training.monitoring import Stopwatch
from unlearning.training.step import Step

SHAPE, BATCH, ROUNDS = [4, 32, 32], 10, 5
WEIGHT = 1e4  # so large that the direction is the second-order term, whose error is of interest
TRANSFORMER = {
    "classes": 10,
    "patch": 2,
    "width": 128,
    "depth": 4,
    "heads": 4,
    "objective": "ddpm_linear",
    "learned_variance": False,
    "label_dropout": 0.1,
    "guidance": 1,
    "sampler": "ddim",
    "sampling_steps": 10,
}
METHODS = {
    "surgery": surgery_retain.direction,
    "UNO": partial(uno.direction, orthogonality_weight=WEIGHT),
    "UNO by differences": partial(uno_differences.direction, orthogonality_weight=WEIGHT),
}


def make_model(transformer: dict, shape: list[int]) -> torch.nn.Module:
    """A transformer in train mode. All weights are random: many of a new one are 0, and with them half of the graph."""
    model, generator = generative.build({"dit": transformer}, shape, seed=0).train(), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=generator))
    return model


def make_step(model: torch.nn.Module, batch_size: int) -> Step:
    """Step 2 of a run, in which differences are not checked, with the same batches at every call."""
    generator, dtype = torch.Generator().manual_seed(1), next(model.parameters()).dtype
    batches = []
    for label in (0, 1):
        images = torch.rand(batch_size, *model.image_shape, generator=generator)
        noise = with_labels(model, model.loss_noise(batch_size, generator), torch.full((batch_size,), label))
        batches.append((images.to(dtype), noise.to(dtype)))
    losses = (BatchLoss(model, lambda batch=batch: batch, "mean") for batch in batches)
    return Step(2, *losses, model=model)


def measure(transformer: dict, shape: list[int], batch_size: int, rounds: int) -> dict[str, float]:
    """Measure the directions of steps; taking the step costs the same in all of them, and little.

    Args:
        transformer: parameters of the model.
        shape: (C, H, W) of its images.
        batch_size: images of each batch.
        rounds: timed steps of each method.

    Returns:
        Ratios of time and memory to those of surgery, and errors of the second-order term H_f u + H_r v relative to the
        term in float64, by the quantities of `benchmarks.table`.
    """
    model = make_model(transformer, shape)
    memory = {name: peak_mib(partial(method, make_step(model, batch_size))) for name, method in METHODS.items()}
    seconds = {name: [] for name in METHODS}
    for _ in range(rounds):
        for name, method in METHODS.items():
            step = make_step(model, batch_size)
            with Stopwatch(torch.device("cpu")) as stopwatch:
                method(step)
            seconds[name].append(stopwatch.seconds)
    exact, *others = (
        METHODS[name](step) - step.retain.gradient
        for name, step in (
            ("UNO", make_step(copy.deepcopy(model).double(), batch_size)),
            ("UNO", make_step(model, batch_size)),
            ("UNO by differences", make_step(model, batch_size)),
        )
    )
    result = {}
    for name, found in zip(("UNO", "UNO by differences"), others, strict=True):
        ratios = [own / surgery for own, surgery in zip(seconds[name], seconds["surgery"], strict=True)]
        result[f"transformer: step of {name} / of surgery"] = round(statistics.median(ratios), 2)
        result[f"transformer: memory of a step of {name} / of surgery"] = round(memory[name] / memory["surgery"], 2)
        result[f"transformer: error of the second order of {name}"] = ((found - exact).norm() / exact.norm()).item()
    return result


if __name__ == "__main__":
    prepare_device("cpu")
    print(json.dumps(measure(TRANSFORMER, SHAPE, BATCH, ROUNDS)))

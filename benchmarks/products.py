"""Ways to a Hessian-vector product: their time, memory and error. `benchmarks.methods` runs this."""

import copy
import statistics
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from unlearning.data.description import describe_dataset
from unlearning.networks import generative
from unlearning.training.gradients import BatchLoss, hessian_products
from unlearning.training.memory import peak_mib
from unlearning.training.monitoring import Stopwatch
from unlearning.training.vectors import flatten, unflatten

Way = Callable[[nn.Module, tuple[Tensor, Tensor], Tensor], Tensor]  # model, images with noise, vector → product


def product_errors(experiment: dict, device: torch.device, rounds: int) -> dict[str, dict[str, float]]:
    """Measure each way to a Hessian-vector product.

    Args:
        experiment: a checked configuration.
        device: the device that computes.
        rounds: products of each way.

    Returns:
        By way: median milliseconds; the error relative to the product in float64, once with oneDNN's convolutions,
        which on a CPU sum over half a million pixels in float32, and once without; and the peak memory.
    """
    model, batch, vector = _problem(experiment, device)
    double = copy.deepcopy(model).double()
    truth = reverse_over_reverse(double, tuple(part.double() for part in batch), vector.double())

    def error(product: Tensor) -> float:
        return float(f"{((product.double() - truth).norm() / truth.norm()).item():.1e}")

    results = {}
    for way in (reverse_over_reverse, forward_over_reverse):
        seconds = []
        for _ in range(rounds):
            with Stopwatch(device) as stopwatch:
                product = way(model, batch, vector)
            seconds.append(stopwatch.seconds)
        with torch.backends.mkldnn.flags(enabled=False):
            without_onednn = error(way(model, batch, vector))
        results[way.__name__] = {
            "ms": round(1000 * statistics.median(seconds), 2),
            "relative_error": error(product),
            "relative_error_without_onednn": without_onednn,
            "peak_mib": peak_mib(partial(way, model, batch, vector)),
        }
    return results


def reverse_over_reverse(model: nn.Module, batch: tuple[Tensor, Tensor], vector: Tensor) -> Tensor:
    """The product by `gradients.hessian_products`, with the gradient that it needs."""
    return hessian_products((BatchLoss(model, lambda: batch, "sum"), vector))


def forward_over_reverse(model: nn.Module, batch: tuple[Tensor, Tensor], vector: Tensor) -> Tensor:
    """The derivative of the gradient along the vector, by forward differentiation; buffers stay as they are."""
    summed = _SummedLoss(torch.func.replace_all_batch_norm_modules_(copy.deepcopy(model)))
    point = {name: parameter.detach() for name, parameter in summed.named_parameters()}
    tangent = dict(zip(point, unflatten(vector, list(point.values())), strict=True))
    gradient = torch.func.grad(lambda parameters: torch.func.functional_call(summed, parameters, batch))
    _, product = torch.func.jvp(gradient, (point,), (tangent,))
    return flatten(list(product.values()))


class _SummedLoss(nn.Module):
    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, images: Tensor, noise: Tensor) -> Tensor:
        return self.model.losses(images, noise).sum()


def _problem(experiment: dict, device: torch.device) -> tuple[nn.Module, tuple[Tensor, Tensor], Tensor]:
    """A fresh model, random images with noise, and a vector like UNO's: the gradient on other images."""
    shape = describe_dataset(experiment["dataset"])["image_shape"]
    model = generative.build(experiment["model"], shape, seed=0).to(device)
    generator = torch.Generator(device).manual_seed(0)
    batch, other = (
        (torch.rand(128, *shape, generator=generator, device=device), model.loss_noise(128, generator))
        for _ in range(2)
    )
    return model, batch, BatchLoss(model, lambda: other, "sum").gradient

"""Generative models, one file each.

A model's file holds the literal `PARAMETERS` (the JSON schema of its keys in a configuration) and a
class `Model(image_shape, **parameters)`, a `torch.nn.Module` that answers three questions:

* `losses(images, noise)`: the loss of each image, (B,) in nats where it is a likelihood, for images
  (B, C, H, W) in [0, 1] and noise drawn by `loss_noise(count, generator)`;
* `samples(latents)`: images (B, C, H, W) in [0, 1], from latents drawn by `latents(count, generator)`;
* `parameters()`: those with `requires_grad` are what training and unlearning may change.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from unlearning import plugins
from unlearning.images import CHUNK
from unlearning.seeding import stream_seed
from unlearning.tensors import read_tensors, write_tensors


def build(configuration: dict, image_shape: list[int], seed: int) -> nn.Module:
    """A freshly initialised model.

    Args:
        configuration: the key `model` of an experiment, `{name: parameters}`.
        image_shape: (C, H, W).
        seed: of the run.
    """
    ((name, parameters),) = configuration.items()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, "initialisation"))
        return plugins.load("models", name).Model(image_shape, **parameters)


def save(model: nn.Module, configuration: dict, image_shape: list[int], path: Path) -> None:
    """Write weights together with what is needed to build the model again."""
    write_tensors(path, model.state_dict(), {"model": configuration, "image_shape": image_shape})


def load(path: Path, device: torch.device | str = "cpu") -> tuple[nn.Module, dict, list[int]]:
    """Read a model, its configuration and its image shape."""
    weights, header = read_tensors(path)
    model = build(header["model"], header["image_shape"], seed=0)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return model.to(device), header["model"], header["image_shape"]


@torch.no_grad()
def draw_samples(model: nn.Module, count: int, generator: torch.Generator) -> Tensor:
    """Generate `count` images, (count, C, H, W) uint8, in eval mode; the model's mode is restored.

    Samples are rounded to 8 bits as the real images are, so that no feature can tell the two by that.
    """
    was_training = model.training
    model.eval()
    latents = model.latents(count, generator)
    images = torch.cat([(model.samples(chunk) * 255).round().to(torch.uint8) for chunk in latents.split(CHUNK)])
    model.train(was_training)
    return images

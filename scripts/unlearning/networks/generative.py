"""What all generative models share: building, saving, loading, drawing samples and completions."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from unlearning.io.tensors import read_tensors, write_tensors
from unlearning.networks.images import CHUNK, as_float
from unlearning.plugins.load import load_plugin
from unlearning.runtime.seeding import stream_seed

COMPLETED = 100  # images at a time: completing holds the activations of a transformer or a U-Net


def build(configuration: dict, image_shape: list[int], seed: int) -> nn.Module:
    """A model as training finds it: freshly initialised, or with the published weights it is to start from.

    Args:
        configuration: the key `model` of an experiment, `{name: parameters}`.
        image_shape: (C, H, W).
        seed: of the run.
    """
    model = _initialised(configuration, image_shape, seed)
    if hasattr(model, "load_pretrained"):
        model.load_pretrained()
    return model


def save(model: nn.Module, configuration: dict, image_shape: list[int], path: Path) -> None:
    """Write weights together with what is needed to build the model again."""
    write_tensors(path, model.state_dict(), {"model": configuration, "image_shape": image_shape})


def load(path: Path, device: torch.device | str = "cpu") -> tuple[nn.Module, dict, list[int]]:
    """Read a model, its configuration and its image shape."""
    weights, header = read_tensors(path)
    model = _initialised(header["model"], header["image_shape"], seed=0)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return model.to(device), header["model"], header["image_shape"]


@contextmanager
def unchanged_buffers(model: nn.Module) -> Iterator[None]:
    """Undo what happens to the buffers: batch normalisation counts every batch it sees in train mode."""
    saved = [(buffer, buffer.clone()) for buffer in model.buffers()]
    yield
    for buffer, value in saved:
        buffer.data.copy_(value)  # or graphs of before, which do not depend on it, would be refused


@contextmanager
def in_mode(model: nn.Module, training: bool) -> Iterator[None]:
    """Train or eval mode, and afterwards for each module the one it was in: some may be frozen."""
    modes = [(module, module.training) for module in model.modules()]
    model.train(training)
    yield
    for module, was_training in modes:
        module.training = was_training


@torch.no_grad()
def decode(model: nn.Module, latents: Tensor, *, train_mode: bool = False) -> Tensor:
    """Images (N, C, H, W) uint8 of latents (N, ...); the model's mode and buffers stay as they are.

    Samples are rounded to 8 bits as the real images are, so that no feature can tell the two by that.

    Args:
        train_mode: let batch normalisation use the statistics of the batch, as released code does.
    """
    chunks = latents.tensor_split(-(-len(latents) // CHUNK))  # of like size, for in train mode a batch needs several
    with in_mode(model, train_mode), unchanged_buffers(model):
        return torch.cat([(model.samples(chunk) * 255).round().to(torch.uint8) for chunk in chunks])


def completes(model: nn.Module) -> bool:
    """Whether a model completes images from a part of them, rather than generating them from latents."""
    return hasattr(model, "completions")


@torch.no_grad()
def complete(model: nn.Module, images: Tensor, noise: Tensor) -> Tensor:
    """Completions (N, C, H, W) uint8 of uint8 images, by noise that `completion_noise` drew; in eval mode."""
    parts = zip(images.split(COMPLETED), noise.split(COMPLETED), strict=True)
    with in_mode(model, training=False):
        completed = [(model.completions(as_float(part), drawn) * 255).round().to(torch.uint8) for part, drawn in parts]
    return torch.cat(completed)


def draw_samples(model: nn.Module, count: int, generator: torch.Generator) -> Tensor:
    """Generate `count` images, (count, C, H, W) uint8, in eval mode."""
    return decode(model, model.latents(count, generator))


def _initialised(configuration: dict, image_shape: list[int], seed: int) -> nn.Module:
    ((name, parameters),) = configuration.items()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, "initialisation"))
        return load_plugin("models", name).Model(image_shape, **parameters)


def set_training_mode(model: nn.Module, settings: dict) -> None:
    """Train mode, in which frozen batch normalisation keeps the statistics of training."""
    model.train()
    if settings["batch_normalisation"] == "frozen":
        for module in model.modules():
            if isinstance(module, _BatchNorm):
                module.eval()

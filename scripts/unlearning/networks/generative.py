"""What all generative models share: building, saving, loading, modes, samples and completions.

The docstring of `unlearning.models` says which methods a model has.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from unlearning.io.tensors import read_tensors, write_tensors
from unlearning.networks.images import CHUNK, as_float, as_uint8
from unlearning.plugins.load import load_plugin
from unlearning.runtime.seeding import stream_seed

COMPLETION_CHUNK = 100  # images at a time: a completion holds the activations of a transformer or a U-Net


def build(configuration: dict, image_shape: list[int], seed: int) -> nn.Module:
    """Build a model as it is before training: with random weights, or with published weights where it has them.

    Args:
        configuration: `{name: parameters}`, the key `model` of an experiment.
        image_shape: (C, H, W).
        seed: the seed of the run, from which the random weights follow.

    Returns:
        The model on the CPU, in train mode.
    """
    model = _initialise(configuration, image_shape, seed)
    if hasattr(model, "load_pretrained"):
        model.load_pretrained()
    return model


def save(model: nn.Module, configuration: dict, image_shape: list[int], path: Path) -> None:
    """Write a model's weights and buffers, together with all that `load` needs to build the model again.

    Args:
        model: a model from `build` or `load`.
        configuration: `{name: parameters}`, the one the model was built with.
        image_shape: (C, H, W).
        path: the file to write.
    """
    write_tensors(path, model.state_dict(), {"model": configuration, "image_shape": image_shape})


def load(path: Path, device: torch.device | str = "cpu") -> tuple[nn.Module, dict, list[int]]:
    """Read a model from a file that `save` wrote.

    Args:
        path: the file.
        device: where the model is to compute.

    Returns:
        The model in train mode, its configuration `{name: parameters}`, and the shape (C, H, W) of its images.
    """
    weights, header = read_tensors(path)
    model = _initialise(header["model"], header["image_shape"], seed=0)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return model.to(device), header["model"], header["image_shape"]


def _initialise(configuration: dict, image_shape: list[int], seed: int) -> nn.Module:
    """Build a model with random weights; torch's global generator on the CPU stays as it is."""
    ((name, parameters),) = configuration.items()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, "initialisation"))
        return load_plugin("models", name).Model(image_shape, **parameters)


def set_training_mode(model: nn.Module, batch_normalisation: str) -> None:
    """Put a model into train mode.

    Args:
        model: changed in place.
        batch_normalisation: with 'batch', batch normalisation uses the statistics of each batch. With 'frozen', batch
            normalisation is in eval mode and keeps the statistics from training.
    """
    model.train()
    if batch_normalisation == "frozen":
        for module in model.modules():
            if isinstance(module, _BatchNorm):
                module.eval()


@contextmanager
def in_mode(model: nn.Module, training: bool) -> Iterator[None]:
    """Put a model into train or eval mode, and at the end put each module back into its own earlier mode.

    A frozen batch normalisation is in eval mode while the rest of the model is in train mode. The mode of the whole
    model is therefore not enough to restore.

    Args:
        model: changed in place.
        training: True for train mode, False for eval mode.

    Yields:
        None.
    """
    modes = [(module, module.training) for module in model.modules()]
    model.train(training)
    yield
    for module, mode in modes:
        module.training = mode


@contextmanager
def unchanged_buffers(model: nn.Module) -> Iterator[None]:
    """Restore the model's buffers at the end.

    In train mode, batch normalisation updates its buffers in every forward pass.

    Args:
        model: the buffers are changed in place.

    Yields:
        None.
    """
    saved = [(buffer, buffer.clone()) for buffer in model.buffers()]
    yield
    for buffer, value in saved:
        # Through `data`: torch would otherwise refuse to differentiate earlier graphs that hold the buffer, although
        # their gradients do not depend on its value.
        buffer.data.copy_(value)


def has_labels(model: nn.Module) -> bool:
    """Whether a model generates images for labels."""
    return hasattr(model, "label_embeddings")


def null_label(model: nn.Module) -> int:
    """The number of the null label, which stands for no label; it follows the numbers of the K classes, 0 … K − 1."""
    return len(model.label_embeddings()) - 1


def with_labels(model: nn.Module, noise: Tensor, labels: Tensor | None) -> Tensor:
    """Give noise or latents other labels.

    Args:
        model: any model. The noise of a model without labels stays as it is.
        noise: (B, D + 1), from `model.loss_noise` or `model.latents`; the last column holds the labels.
        labels: (B,) class numbers, or the null label; None for a model without labels.

    Returns:
        (B, D + 1), a copy if the model has labels.
    """
    if not has_labels(model):
        return noise
    return torch.cat([noise[:, :-1], labels[:, None].to(noise)], 1)


@contextmanager
def kept_labels(model: nn.Module) -> Iterator[None]:
    """Let a model with labels drop none of them meanwhile, in train mode, too.

    Args:
        model: its `label_dropout` is 0 meanwhile.

    Yields:
        None.
    """
    share, model.label_dropout = model.label_dropout, 0
    yield
    model.label_dropout = share


def labels_of(noise: Tensor) -> Tensor:
    """The labels (B,) in noise or latents (B, D + 1) of a model with labels."""
    return noise[:, -1].long()


def draw_samples(model: nn.Module, count: int, generator: torch.Generator) -> Tensor:
    """Generate images in eval mode.

    Args:
        model: a model that generates images from latents.
        count: number of images.
        generator: draws the latents, and with them the labels of a model with labels.

    Returns:
        (count, C, H, W) uint8.
    """
    return decode(model, model.latents(count, generator))


@torch.no_grad()
def decode(model: nn.Module, latents: Tensor, *, train_mode: bool = False) -> Tensor:
    """Generate images from latents; the model's mode and buffers stay as they are.

    Samples are rounded to 8 bits, as the real images are. So rounding is no difference by which a classifier could tell
    samples from real images.

    Args:
        model: a model that generates images from latents.
        latents: (N, ...), from `model.latents`.
        train_mode: whether batch normalisation uses the statistics of each batch, as released code does.

    Returns:
        (N, C, H, W) uint8.
    """
    # Sizes of chunks differ by at most one: in train mode, a small last chunk would have poor statistics.
    chunks = latents.tensor_split(math.ceil(len(latents) / CHUNK))
    with in_mode(model, train_mode), unchanged_buffers(model):
        return torch.cat([as_uint8(model.samples(chunk)) for chunk in chunks])


def completes(model: nn.Module) -> bool:
    """Return whether a model completes images from their visible pixels, instead of generating them from latents."""
    return hasattr(model, "completions")


@torch.no_grad()
def complete(model: nn.Module, images: Tensor, noise: Tensor) -> Tensor:
    """Complete images in eval mode.

    Args:
        model: a model that completes images.
        images: (N, C, H, W) uint8. The model uses only their visible pixels.
        noise: (N, K, H, W), from `model.completion_noise`; the noise says which pixels are hidden.

    Returns:
        The images (N, C, H, W) uint8 with their hidden pixels filled in.
    """
    chunks = zip(images.split(COMPLETION_CHUNK), noise.split(COMPLETION_CHUNK), strict=True)
    with in_mode(model, training=False):
        completions = [as_uint8(model.completions(as_float(image), eps)) for image, eps in chunks]
    return torch.cat(completions)

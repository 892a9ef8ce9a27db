"""Running statistics of batch normalisation, re-estimated from the retain set so that only weights are compared.

In eval mode, batch normalisation uses running statistics, which no optimiser sets. Every forward pass in train mode
moves them. The passes differ between methods: fine-tuning sees retain images only, gradient surgery and UNO see forget
images or generated images, too. Two runs can therefore end with the same weights and other samples and likelihoods.
So before a model is measured or evaluated, its statistics are estimated again: from the same retain images with the
same noise for every method, seed and step.

This also holds where batch normalisation is frozen in unlearning. The frozen statistics are those that training left,
and training has seen the images to forget.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from unlearning.networks.generative import in_mode, unchanged_buffers
from unlearning.networks.images import as_float
from unlearning.runtime.seeding import stream

# Drawing other batches moves the −ELBO of held-out retain images by 0.007 nats of 24.3 (digits) and by 0.05 of 164.3
# (MNIST), one standard deviation; 20 batches: 0.012 and 0.07, 100 batches: 0.006 and 0.03. The mean is 0.01 nats above
# that of 400 batches in both. Every row gets the same batches, so that rows differ by less.
BATCHES = 50
BATCH_SIZE = 128


def retain_batches(model: nn.Module, images: Tensor, retain: Sequence[int], running_statistics: str) -> Tensor | None:
    """Draw the retain images that a model's running statistics are estimated from.

    Args:
        model: to be measured or evaluated.
        images: all real images, (N, C, H, W) uint8, on any device.
        retain: indices of the retain set.
        running_statistics: the key `running_statistics` of `evaluation` in the configuration.

    Returns:
        (BATCHES, BATCH_SIZE, C, H, W) uint8 on the model's device, the same images for every model. None if the key is
        'as_left' or if the model has no batch normalisation.
    """
    if running_statistics == "as_left" or not has_running_statistics(model):
        return None
    return draw_batches(images, retain).to(next(model.parameters()).device)


def has_running_statistics(model: nn.Module) -> bool:
    """Whether a model has batch normalisation."""
    return bool(_normalisations(model))


def draw_batches(images: Tensor, indices: Sequence[int]) -> Tensor:
    """Draw images with replacement, always the same ones.

    Args:
        images: (N, C, H, W), on any device.
        indices: of the images to draw from.

    Returns:
        (BATCHES, BATCH_SIZE, C, H, W), on the device of the images.
    """
    # A GPU's generator draws other numbers, so the CPU draws for both.
    places = torch.randint(len(indices), (BATCHES, BATCH_SIZE), generator=stream(0, "running statistics"))
    return images[torch.as_tensor(indices)[places].to(images.device)]


@contextmanager
def estimated_from(model: nn.Module, batches: Tensor | None) -> Iterator[None]:
    """Give batch normalisation the mean statistics of some batches, and at the end its own statistics back.

    Args:
        model: the running statistics are changed in place; weights and modes stay as they are.
        batches: (S, B, C, H, W) uint8; None to keep the model's own statistics.

    Yields:
        None.
    """
    if batches is None:
        yield
        return
    with unchanged_buffers(model):
        _estimate(model, batches)
        yield


class _AllNormalised(Exception):
    """The last layer with statistics has seen the batch."""


@torch.no_grad()
def _estimate(model: nn.Module, batches: Tensor) -> None:
    normalisations, noise = _normalisations(model), stream(0, "running statistics noise")
    momenta = [module.momentum for module in normalisations]
    with in_mode(model, training=True), _ended_after_normalisations(normalisations) as passed:
        for count, images in enumerate(batches, start=1):
            for module in normalisations:
                module.momentum = 1 / count  # so that the running statistics are the mean over all batches so far
            with suppress(_AllNormalised):
                model.losses(as_float(images), model.loss_noise(len(images), noise).to(images.device))
            passed()
    for module, momentum in zip(normalisations, momenta, strict=True):
        module.momentum = momentum


@contextmanager
def _ended_after_normalisations(normalisations: list[_BatchNorm]) -> Iterator[Callable[[], None]]:
    """End forward passes by `_AllNormalised` where statistics need no more of them: half of the time of a VAE's pass.

    Args:
        normalisations: the layers with statistics.

    Yields:
        A function to call after each pass. The first pass is not ended: it tells how often the layers are called.
    """
    calls, of_a_pass = 0, 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == of_a_pass:
            raise _AllNormalised

    def passed() -> None:
        nonlocal calls, of_a_pass
        calls, of_a_pass = 0, calls

    hooks = [module.register_forward_hook(count) for module in normalisations]
    try:
        yield passed
    finally:
        for hook in hooks:
            hook.remove()


def _normalisations(model: nn.Module) -> list[_BatchNorm]:
    return [module for module in model.modules() if isinstance(module, _BatchNorm)]

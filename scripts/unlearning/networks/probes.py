"""Probes: a few latents, or a few images to complete, that show what a model makes before, during and after a run.

All models of one seed show the same probes, so that their images can be compared one by one.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unlearning.data.forget_set import spread_out
from unlearning.networks.classifier import Ensemble
from unlearning.networks.generative import complete, completes, decode
from unlearning.networks.images import as_float, as_uint8
from unlearning.runtime.seeding import stream

MOST = 16  # probes
LARGEST_SIDE = 64  # pixels; larger images are made smaller
BYTES_OF_A_LOOK = 2**16  # 16 looks, more than `is_shown` selects, make a file of at most 1 MB
CANDIDATES = 2000  # latents: among these, 16 of a class with a share of 1 % are nearly always found


@dataclass(frozen=True)
class Probes:
    """What the models of one seed show.

    Attributes:
        forgotten: (n,) bool, whether the original's image is of a class to forget, or whether the image to complete is
            one to forget. These come first, and are half of the probes where there are enough of them.
        latents: (n, D) of a model that generates images; None for a model that completes images.
        images: (n, C, H, W) uint8, to complete; None for a model that generates images.
        noise: (n, K, H, W) of the completions; None for a model that generates images.
    """

    forgotten: Tensor
    latents: Tensor | None = None
    images: Tensor | None = None
    noise: Tensor | None = None

    @classmethod
    def of_model(
        cls,
        original: nn.Module,
        judge: Ensemble,
        images: Tensor,
        groups: dict[str, list[int]],
        forgotten: list[int],
        seed: int,
    ) -> "Probes":
        """Choose the probes of a seed.

        Args:
            original: the original model of the seed. Its images, not those of a later model, decide which latents are
                of a class to forget.
            judge: the networks that classify these images.
            images: all real images, (N, C, H, W) uint8, on any device.
            groups: image indices by group.
            forgotten: numbers of the classes to forget. Without any, the first latents are chosen.
            seed: the seed of the run.

        Returns:
            The probes, on the model's device.
        """
        device = next(original.parameters()).device
        count = _count(images.shape[1:])
        if not completes(original):
            candidates = original.latents(CANDIDATES, stream(seed, "probes", device))
            _, classes, _ = judge.classify(decode(original, candidates))
            chosen, of_forgotten = _half_of_each(torch.isin(classes, torch.tensor(forgotten, device=device)), count)
            return cls(of_forgotten, latents=candidates[chosen])
        chosen = [spread_out(groups[group], count // 2) for group in ("heldout_forget", "retain")]
        of_forgotten = torch.arange(sum(map(len, chosen)), device=device) < len(chosen[0])
        selection = images[torch.from_numpy(np.concatenate(chosen)).to(images.device)].to(device)
        # A GPU's generator draws other numbers, so the CPU draws for both.
        noise = original.completion_noise(len(selection), stream(seed, "probes")).to(device)
        return cls(of_forgotten, images=selection, noise=noise)

    def show(self, model: nn.Module) -> Tensor:
        """The images (n, C, H, W) uint8 of a model, made smaller to at most 64 pixels a side."""
        images = decode(model, self.latents) if self.images is None else complete(model, self.images, self.noise)
        largest = max(images.shape[2:])
        if largest <= LARGEST_SIDE:
            return images
        size = [round(LARGEST_SIDE / largest * side) for side in images.shape[2:]]
        return as_uint8(F.interpolate(as_float(images), size, mode="area"))


def is_shown(step: int, last: int) -> bool:
    """Whether a run of `last` steps shows its probes after a measured step: both ends, and 1, 2, 5, 10 and so on."""
    return step in (0, last) or str(step).rstrip("0") in {"1", "2", "5"}


def _count(image_shape: torch.Size) -> int:
    """An even number of probes, so that a run stores at most 1 MB."""
    channels, height, width = image_shape
    scale = min(1.0, LARGEST_SIDE / max(height, width))
    fitting = int(BYTES_OF_A_LOOK / (channels * height * scale * width * scale))
    return max(2, min(MOST, fitting) // 2 * 2)


def _half_of_each(is_forgotten: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Indices of the first candidates of each kind, as many of each as there are up to half of `count`, then others.

    Args:
        is_forgotten: (N,) bool, with N ≥ count.
        count: how many candidates to choose.

    Returns:
        Indices (count,), those of forgotten classes first, and whether each is forgotten (count,).
    """
    forgotten, others = is_forgotten.nonzero()[:, 0], (~is_forgotten).nonzero()[:, 0]
    half = count // 2
    of_forgotten = max(min(half, len(forgotten)), count - len(others))
    chosen = torch.cat([forgotten[:of_forgotten], others[: count - of_forgotten]])
    return chosen, is_forgotten[chosen]

"""Gathering the evidence that metrics are computed from."""

import csv
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from unlearning.classifier import Classifier, look_at
from unlearning.images import CHUNK, as_float
from unlearning.metrics import SampleSet
from unlearning.models import decode
from unlearning.seeding import stream


def sample_set(model: nn.Module, judge: Classifier, latents: Tensor) -> tuple[SampleSet, np.ndarray]:
    """Decode latents (N, D) in eval mode and let the judge look; also the samples, (N, C, H, W) uint8."""
    samples = decode(model, latents)
    features, classes = look_at(judge, samples)
    return SampleSet(features.cpu().numpy(), classes.cpu().numpy()), samples.cpu().numpy()


@torch.no_grad()
def group_losses(
    model: nn.Module, images: Tensor, groups: dict[str, list[int]], draws: int, seed: int
) -> dict[str, np.ndarray]:
    """The loss of each image, averaged over `draws` draws of noise, by group.

    Args:
        model: in eval mode.
        images: (N, C, H, W) uint8.
        groups: image indices by name of the group.
        draws: of the noise; the same ones for every method with this seed.
        seed: of the run.

    Returns:
        (n,) losses for each group, in nats for a VAE.
    """
    losses = {}
    for name, indices in groups.items():
        generator = stream(seed, f"losses {name}", images.device)
        chosen = images[indices]
        total = torch.zeros(len(indices), device=images.device)
        for _ in range(draws):
            noise = model.loss_noise(len(indices), generator)
            parts = zip(chosen.split(CHUNK), noise.split(CHUNK), strict=True)
            total += torch.cat([model.losses(as_float(x), eps) for x, eps in parts]) if len(indices) else 0
        losses[name] = (total / draws).cpu().numpy()
    return losses


def read_columns(path: Path | None) -> dict[str, np.ndarray]:
    """The columns of a CSV file of numbers; an empty cell is NaN; no columns where there is no row."""
    if path is None:
        return {}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in (rows[0] if rows else ())}

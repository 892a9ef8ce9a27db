"""What a model shows with running statistics from several sources: its weights are the same."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from unlearning.networks.classifier import Ensemble
from unlearning.networks.generative import decode
from unlearning.networks.running_statistics import draw_batches, estimated_from, has_running_statistics


def evaluate_by_statistics(
    model: nn.Module,
    judge: Ensemble,
    latents: Tensor,
    images: Tensor,
    groups: dict[str, list[int]],
    losses: Callable[[], np.ndarray],
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Decode the same latents, and compute the same losses, with each source of running statistics.

    Args:
        model: that generates images, in eval mode, with the running statistics that the run left.
        judge: M classifiers of the samples.
        latents: (N, D).
        images: all real images, (N, C, H, W) uint8.
        groups: image indices by group.
        losses: computes the losses (n,) of the model as it is then.

    Returns:
        Numbers of samples (M, K) of each class by each classifier, and losses (n,), by the source: 'as_left' by the
        run, 'retain' batches alone, or as many retain as forget batches, 'mixed'. Nothing of a model without batch
        normalisation.
    """
    if not has_running_statistics(model):
        return {}
    retain, forget = (draw_batches(images, groups[group]) for group in ("retain", "forget"))
    sources = {"as_left": None, "retain": retain, "mixed": torch.cat([retain[::2], forget[::2]])}
    result = {}
    for source, batches in sources.items():
        with estimated_from(model, batches):
            _, _, class_counts = judge.classify(decode(model, latents))
            result[source] = class_counts.cpu().numpy(), losses()
    return result

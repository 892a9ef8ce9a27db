"""What a model with labels makes under each label, and under the null label, which stands for no label.

A model may stop making the forgotten class under the class's own label, and still make it under another one. So no
share of a single label says what the model has forgotten.
"""

import numpy as np
import torch
from torch import Tensor, nn

from unlearning.evaluation.evaluators import Evaluators
from unlearning.evaluation.evidence import LabelSamples
from unlearning.networks.generative import decode, null_label, with_labels
from unlearning.networks.images import CHUNK, as_float

STORED_OF_A_LABEL = 12  # images, enough for a figure


@torch.no_grad()
def evaluate_by_label(
    model: nn.Module, evaluators: Evaluators, count: int, generator: torch.Generator
) -> tuple[LabelSamples, np.ndarray]:
    """Generate images under each label from the same latents, and look at them.

    Args:
        model: a model with K labels, in eval mode.
        evaluators: networks that look at the samples.
        count: samples n of each label.
        generator: draws the latents; their own labels are replaced.

    Returns:
        What the evaluators see; and the first images of each label, (K + 1, m, C, H, W) uint8.
    """
    latents, parts, shown = model.latents(count, generator), [], []
    for label in range(null_label(model) + 1):
        images = decode(model, with_labels(model, latents, torch.full((count,), label, device=latents.device)))
        features, classes, class_counts = evaluators.classify(images)
        parts.append([features, classes, class_counts, judged_entropy(evaluators, images)])
        shown.append(images[:STORED_OF_A_LABEL].cpu().numpy())
    return LabelSamples(*(torch.stack(arrays).cpu().numpy() for arrays in zip(*parts, strict=True))), np.stack(shown)


def judged_entropy(evaluators: Evaluators, images: Tensor) -> Tensor:
    """Entropy (n,) in nats of the judge's class probabilities for images (n, C, H, W) uint8, the networks' mean."""
    entropies = []
    for chunk in images.split(CHUNK):
        scores = torch.stack([network(as_float(chunk)).log_softmax(1) for network in evaluators.judge.networks])
        entropies.append(-(scores.exp() * scores).sum(2).mean(0))
    return torch.cat(entropies)

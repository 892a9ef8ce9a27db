"""How probable a model that removes noise finds real images, by the density of its probability flow.

An image has 8 bits a pixel, and a density needs a continuum. So each pixel gets uniform noise as wide as its level
(uniform dequantisation, Theis et al. 2016): a mean of log-densities is then a lower bound on the log-probability of the
image among all images of 8 bits. Each draw has its own noise and its own probe for the divergence. The draws depend on
the group and the place of an image alone, as those of `unlearning.evaluation.likelihood` do: all models get the same
draws, and a part of their error cancels in a difference of two models.
"""

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from unlearning.data.forget_set import spread_out
from unlearning.evaluation.evidence import Evidence
from unlearning.networks.probability_flow import log_densities
from unlearning.runtime.seeding import stream

GROUPS = ("forget", "heldout_retain")  # what is to be forgotten, and what no model was trained on
MOST_IMAGES = 16  # of a group: a draw takes 100 evaluations of the network, and as many backward passes
DRAWS = 8
AT_ONCE = 128  # images: their activations are kept for a backward pass
LEVEL = 2 / 255  # width of a level, for pixels from −1 to 1


@dataclass(frozen=True, kw_only=True)
class DensityEvidence(Evidence):
    """All that is known of one run, with log-probabilities of real images.

    Attributes:
        log_probabilities: (n, K) in nats, of n different images of each group in `GROUPS` with K draws each; empty if
            the run diverged.
    """

    log_probabilities: dict[str, np.ndarray] = field(default_factory=dict)

    def has(self, need: str) -> bool:
        """Whether the run has what a metric needs; also 'log_probabilities'. See `Evidence.has`."""
        return bool(self.log_probabilities) if need == "log_probabilities" else super().has(need)


def group_log_probabilities(model: nn.Module, images: Tensor, groups: dict[str, list[int]]) -> dict[str, np.ndarray]:
    """Bounds on log-probabilities of some images of each group in `GROUPS`.

    Args:
        model: in eval mode.
        images: all real images, (N, C, H, W) uint8.
        groups: image indices by group.

    Returns:
        (n, K) in nats by group, see `DensityEvidence`.
    """
    return {
        group: log_probabilities(model, different(images[groups[group]]), group)
        if groups[group]
        else np.zeros((0, DRAWS))
        for group in GROUPS
    }


def different(images: Tensor) -> Tensor:
    """At most `MOST_IMAGES` of the images (n, C, H, W), evenly spread, without copies of one another."""
    _, first = np.unique(images.flatten(1).cpu().numpy(), axis=0, return_index=True)
    return images[spread_out(np.sort(first), MOST_IMAGES)]


def log_probabilities(model: nn.Module, images: Tensor, group: str) -> np.ndarray:
    """Unbiased estimates of a lower bound on log P(x) under the null label.

    Args:
        model: that removes noise, in eval mode.
        images: x, (n, C, H, W) uint8.
        group: names the random stream.

    Returns:
        (n, DRAWS) in nats.
    """
    # A GPU's generator draws other numbers, so the CPU draws for both.
    generator, shape = stream(0, f"densities {group}"), (DRAWS, *images.shape)
    within = torch.rand(shape, generator=generator).to(images.device) - 0.5
    probes = torch.randint(2, shape, generator=generator).to(images.device) * 2.0 - 1
    points = (images + within) * LEVEL - 1
    parts = zip(points.flatten(0, 1).split(AT_ONCE), probes.flatten(0, 1).split(AT_ONCE), strict=True)
    densities = torch.cat([log_densities(model, *part) for part in parts]).reshape(DRAWS, len(images))
    return (densities.T + images[0].numel() * math.log(LEVEL)).cpu().numpy()

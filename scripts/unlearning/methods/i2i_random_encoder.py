"""Random encoder (baseline of Li et al., ICLR 2024), only the encoder: embeddings of forget images are to become
Gaussian noise with the mean and deviation of the embeddings, while the retain images have their training loss.

`pushed_images`: whose embeddings are pushed. 'forget' as published and in the released code for diffusion. 'retain' as
in that for MAGE: both terms are weighed by the retain mask, so forget images have no loss. Of that code the mask is
copied, not its retain term, the distance to the frozen original's embeddings.
"""

import torch
from torch import Tensor, nn

from unlearning.methods import i2i_retain_label
from unlearning.methods.i2i import embedding_distance
from unlearning.training.step import Setup, Step

PARAMETERS = i2i_retain_label.PARAMETERS
ENCODER_ONLY = True
MODELS = "completing"


def prepare(start: Setup, forget_weight: float, pushed_images: str) -> nn.Module:
    """The frozen original."""
    return start.teacher


def direction(step: Step, forget_weight: float, pushed_images: str) -> Tensor:
    """∇(L_r + α |E_θ(T(x)) − ν|²), ν noise with the mean and deviation of each output of E₀ on the batch."""
    images, noise = getattr(step, pushed_images).batch
    with torch.no_grad():
        embeddings = step.prepared.embedding(images, noise)
        wanted = tuple(part.mean() + part.std() * random_like(part, step.generator) for part in embeddings)
    pushed = step.loss(lambda: embedding_distance(step.model.embedding(images, noise), wanted))
    return step.retain.add(forget_weight, pushed).gradient


def random_like(tensor: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal noise of the shape of a tensor."""
    return torch.randn(tensor.shape, generator=generator, device=tensor.device, dtype=tensor.dtype)

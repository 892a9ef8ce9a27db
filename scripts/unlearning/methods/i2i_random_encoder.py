r"""Random encoder: the embeddings of forget images become Gaussian noise. Only the encoder is trained.

$$d = \nabla \left( L_r + \alpha\, |E_\theta(T(x)) - \nu|^2 \right)$$

The noise $\nu$ has the mean and the deviation of the original's embeddings. The retain images keep their training loss.

**Source.** Baseline of Li et al., ICLR 2024 (arXiv 2402.00351).

**Released code.** `pushed_images` says whose embeddings are pushed. 'forget' is as published, and as in the released
code for diffusion. 'retain' is as in the released code for MAGE: its two terms are both weighted by the retain mask, so
forget images have no loss. Of that code only the mask is copied. Its retain term is not copied: for MAGE and for
diffusion, it is the distance to the frozen original's embeddings. The noise there has the mean and deviation of a batch
in which retain and forget images are mixed.
"""

import torch
from torch import Tensor, nn

from unlearning.methods import i2i_retain_label
from unlearning.methods.i2i import embedding_distance
from unlearning.training.step import Setup, Step

TITLE = "Random encoder"
GROUP = "others"
PARAMETERS = i2i_retain_label.PARAMETERS
ENCODER_ONLY = True
MODELS = "completing"


def prepare(setup: Setup, forget_weight: float, pushed_images: str) -> nn.Module:
    """The frozen original."""
    return setup.teacher


def direction(step: Step, forget_weight: float, pushed_images: str) -> Tensor:
    """∇(L_r + α |E_θ(T(x)) − ν|²), where ν is noise with the mean and deviation of each output of E₀ on the batch."""
    pushed = step.forget if pushed_images == "forget" else step.retain
    images, noise = pushed.batch
    with torch.no_grad():
        embeddings = step.prepared.embedding(images, noise)
        target = tuple(part.mean() + part.std() * random_like(part, step.generator) for part in embeddings)
    distance = step.loss(lambda: embedding_distance(step.model.embedding(images, noise), target))
    return step.retain.add(forget_weight, distance).gradient


def random_like(tensor: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal noise of the shape of a tensor."""
    return torch.randn(tensor.shape, generator=generator, device=tensor.device, dtype=tensor.dtype)

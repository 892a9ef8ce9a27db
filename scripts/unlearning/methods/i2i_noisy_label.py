r"""Noisy label: the model learns to complete forget images to Gaussian noise. All weights are trained.

$$d = \nabla \left( L_r + \alpha\, L(x_f; n) \right)$$

The target of a forget image $x_f$ is $n$, a noise image with the mean and the deviation of the forget batch.

**Source.** Baseline of Li et al., ICLR 2024 (arXiv 2402.00351).

**Released code.** It puts the noise elsewhere. For MAGE it draws the *numbers* of the target tokens: normal, with mean
and deviation of the numbers of all tokens in the mixed batch, rounded, although numbers of tokens have no order. For
diffusion, the hidden part of a forget image is pure noise at every noise level, and that noise is the target.
"""

from torch import Tensor

from unlearning.methods.i2i import noise_images
from unlearning.training.step import Step

TITLE = "Noisy label"
GROUP = "others"
PARAMETERS = {"forget_weight": {"type": "number", "minimum": 0, "description": "α, weight of the noisy forget loss"}}
MODELS = "completing"


def direction(step: Step, forget_weight: float) -> Tensor:
    """∇(L_r + α L(x_f; n)), where the target n is a noise image with the mean and deviation of the batch."""
    images, _ = step.forget.batch
    target = noise_images(images, step.generator)
    return step.retain.add(forget_weight, step.forget.with_target(target)).gradient

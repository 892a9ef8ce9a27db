r"""Image-to-image unlearning, which trains only the encoder $E_\theta$.

$$\min_\theta\ |E_\theta(T(x_r)) - E_0(T(x_r))|^2 + \alpha\, |E_\theta(T(x_f)) - E_0(T(n))|^2$$

The embeddings of retain images $x_r$ stay those of the frozen original $E_0$. The embeddings of forget images $x_f$
become those of a noise image $n$ under the same mask $T$. $n$ has the mean and the deviation of the forget batch, and
is clipped to [0, 1].

`forget_target` is 'full_noise' as published. 'context_kept' is what the released code does for diffusion: only the
hidden pixels become noise (in the released code, pure noise at every noise level), and $E_0$ still sees the true
surroundings. With 'context_kept', a model whose encoder sees only visible pixels has nothing to forget.

**Source.** Li et al., ICLR 2024 (arXiv 2402.00351).

**Released code.** As there, $|\cdot|^2$ is the mean square over each output of the encoder, summed over the outputs;
the paper's algorithm has the square root of the sum. The released code for MAGE takes mean and deviation from its whole
batch, in which retain and forget images are mixed.
"""

import torch
from torch import Tensor, nn

from unlearning.training.step import Setup, Step

TITLE = "Image-to-image"
GROUP = "others"
PARAMETERS = {
    "forget_weight": {"type": "number", "minimum": 0, "description": "α, weight of the forget images' embeddings"},
    "forget_target": {
        "enum": ["full_noise", "context_kept"],
        "description": "image whose embedding is the target: noise in all pixels, or noise in the hidden pixels alone",
    },
}
ENCODER_ONLY = True
MODELS = "completing"


def prepare(setup: Setup, forget_weight: float, forget_target: str) -> nn.Module:
    """The frozen original."""
    return setup.teacher


def direction(step: Step, forget_weight: float, forget_target: str) -> Tensor:
    """∇(retain term + α forget term) with respect to the encoder."""
    teacher, model = step.prepared, step.model
    (retain, retain_noise), (forget, forget_noise) = step.retain.batch, step.forget.batch
    noise_image = noise_images(forget, step.generator)
    if forget_target == "context_kept":
        noise_image = torch.where(model.hidden_pixels(forget_noise).bool(), noise_image, forget)
    with torch.no_grad():
        retain_target = teacher.embedding(retain, retain_noise)
        noise_target = teacher.embedding(noise_image, forget_noise)

    def distances() -> Tensor:
        retain_distance = embedding_distance(model.embedding(retain, retain_noise), retain_target)
        forget_distance = embedding_distance(model.embedding(forget, forget_noise), noise_target)
        return retain_distance + forget_weight * forget_distance

    return step.loss(distances).gradient


def embedding_distance(first: tuple[Tensor, ...], second: tuple[Tensor, ...]) -> Tensor:
    """Mean square of the difference of each output (B, ...), summed over the outputs; a scalar."""
    return sum((one - other).square().mean() for one, other in zip(first, second, strict=True))


def noise_images(images: Tensor, generator: torch.Generator) -> Tensor:
    """Gaussian noise with the mean and deviation of all the pixels of a batch (B, C, H, W), clipped to [0, 1]."""
    noise = torch.randn(images.shape, generator=generator, device=images.device, dtype=images.dtype)
    return (images.mean() + images.std() * noise).clamp(0, 1)

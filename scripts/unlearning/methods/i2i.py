"""Image-to-image unlearning (Li et al., ICLR 2024): only the encoder E_θ is trained.

Minimise |E_θ(T(x_r)) − E₀(T(x_r))|² + α |E_θ(T(x_f)) − E₀(T(n))|²: embeddings of retain images stay those of the
frozen original E₀, embeddings of forget images become those of a noise image n under the same mask T. |·|² is the
mean square over each of the encoder's outputs, summed over the outputs, as in the released code; the paper's
algorithm has the square root of the sum. n has the mean and deviation of the batch, clipped to [0, 1].

`forget_target`: 'full_noise' as published; 'context_kept' as coded for diffusion, where only the hidden pixels
become noise (there pure noise at every noise level) and E₀ still sees the true surroundings. With it, a model whose
encoder sees visible pixels alone has nothing to forget.
"""

import torch
from torch import Tensor, nn

from unlearning.training.step import Setup, Step

PARAMETERS = {
    "forget_weight": {"type": "number", "minimum": 0, "description": "α, weight of the forget images' embeddings"},
    "forget_target": {
        "enum": ["full_noise", "context_kept"],
        "description": "noise everywhere, or in the hidden pixels only, in the image whose embedding is the target",
    },
}
ENCODER_ONLY = True
MODELS = "completing"


def prepare(start: Setup, forget_weight: float, forget_target: str) -> nn.Module:
    """The frozen original."""
    return start.teacher


def direction(step: Step, forget_weight: float, forget_target: str) -> Tensor:
    """∇(retain term + α forget term) with respect to the encoder."""
    teacher, model = step.prepared, step.model
    (retain, retain_noise), (forget, forget_noise) = step.retain.batch, step.forget.batch
    wanted = noise_images(forget, step.generator)
    if forget_target == "context_kept":
        wanted = torch.where(model.hidden(forget_noise).bool(), wanted, forget)
    with torch.no_grad():
        kept = teacher.embedding(retain, retain_noise)
        lost = teacher.embedding(wanted, forget_noise)

    def distances() -> Tensor:
        kept_distance = embedding_distance(model.embedding(retain, retain_noise), kept)
        return kept_distance + forget_weight * embedding_distance(model.embedding(forget, forget_noise), lost)

    return step.loss(distances).gradient


def embedding_distance(first: tuple[Tensor, ...], second: tuple[Tensor, ...]) -> Tensor:
    """Mean square of the difference of each output (B, ...), summed over the outputs; a scalar."""
    return sum((ours - theirs).square().mean() for ours, theirs in zip(first, second, strict=True))


def noise_images(images: Tensor, generator: torch.Generator) -> Tensor:
    """Gaussian noise with the mean and deviation of all the pixels of a batch (B, C, H, W), clipped to [0, 1]."""
    noise = torch.randn(images.shape, generator=generator, device=images.device, dtype=images.dtype)
    return (images.mean() + images.std() * noise).clamp(0, 1)

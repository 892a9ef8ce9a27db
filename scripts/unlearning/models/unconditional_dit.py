"""Diffusion transformer without labels: `dit` under the null label alone.

Network, objectives and samplers are those of `dit`. Every image and every sample has the null label, whatever label its
noise or its latents hold. So the model is an unconditional one to every method and metric. The other labels are there
because the classes of the data have numbers; their embeddings are never used.
"""

import torch
from torch import Tensor, nn

from unlearning.models import dit

PARAMETERS = {
    "classes": {
        "type": "integer",
        "minimum": 2,
        "maximum": 100000,
        "description": "classes of the data, which the model does not see",
    },
    "patch": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "side of a patch in pixels"},
    "width": {"type": "integer", "minimum": 4, "maximum": 10000, "multipleOf": 4, "description": "features of a patch"},
    "depth": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "blocks"},
    "heads": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "attention heads, a divisor of 'width'"},
    "objective": {
        "enum": ["flow", "ddpm_linear", "ddpm_cosine"],
        "description": "rectified flow, or DDPM with the linear or the cosine schedule of noise",
    },
    "sampler": {
        "enum": ["euler", "heun", "ddim", "dpm_solver"],
        "description": "Euler or Heun for 'flow'; DDIM or DPM-Solver++ (second order) for 'ddpm'",
    },
    "sampling_steps": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "steps of a sample"},
}
CONSTRAINTS = ["heads_divide_width", "patches_tile_image", "sampler_fits_objective"]
PARTS = ("attention", "modulation")


class Model(dit.Model):
    """Diffusion transformer on images (C, H, W) in [0, 1], which knows the null label only.

    Noise and latents have the columns that they have in `dit`.

    Args:
        image_shape: (C, H, W).
        classes: number of labels that noise and latents may hold, besides the null label.
        patch: side of a patch in pixels.
        width: number of features of a patch.
        depth: number of blocks.
        heads: number of attention heads.
        objective: 'flow', 'ddpm_linear' or 'ddpm_cosine'.
        sampler: 'euler' or 'heun' for flow, 'ddim' or 'dpm_solver' for DDPM.
        sampling_steps: number of steps of a sample.
    """

    def __init__(
        self,
        image_shape: list[int],
        *,
        classes: int,
        patch: int,
        width: int,
        depth: int,
        heads: int,
        objective: str,
        sampler: str,
        sampling_steps: int,
    ):
        super().__init__(
            image_shape,
            classes=classes,
            patch=patch,
            width=width,
            depth=depth,
            heads=heads,
            objective=objective,
            learned_variance=False,
            label_dropout=0,
            guidance=1,
            sampler=sampler,
            sampling_steps=sampling_steps,
        )

    # A check of the configuration looks for these two in the file itself: inherited methods do not count there.
    def label_embeddings(self) -> nn.Parameter:
        """The embeddings (classes + 1, width) of all labels; the last one alone is used, the null label's."""
        return super().label_embeddings()

    def predictions(self, images: Tensor, noise: Tensor) -> Tensor:
        """What the network predicts for images (B, C, H, W) with noise: the velocity or ε, (B, C, H, W)."""
        return super().predictions(images, noise)

    def _predict(self, noisy: Tensor, time: Tensor, labels: Tensor) -> Tensor:
        return super()._predict(noisy, time, torch.full_like(labels, self.classes))

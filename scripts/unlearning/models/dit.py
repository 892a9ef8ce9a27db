"""Diffusion transformer with class labels (DiT, Peebles & Xie 2023), trained by flow matching or as DDPM.

The network is that of facebookresearch/DiT, with the same names of parameters, so that its published weights load. It
gets a noisy image x_t, a time t and a label c. Images are x ∈ [−1, 1], ε is standard normal noise.

* `flow`: rectified flow (Liu et al. 2023; Lipman et al. 2023). x_t = (1 − t) x + t ε with t uniform on [0, 1], and the
  network predicts the velocity ε − x. Samples follow the velocity from t = 1 to 0.
* `ddpm`: x_t = √ᾱ_t x + √(1 − ᾱ_t) ε with 1,000 time steps (Ho et al. 2020), and the network predicts ε.

The loss is the mean square of the prediction's error over the pixels. In train mode, a share `label_dropout` of the
labels becomes the null label ∅. Samples follow p_∅ + w (p_c − p_∅), with the predictions p and the guidance w (Ho &
Salimans 2022).
"""

import math

import torch
from torch import Tensor, nn

from unlearning.networks.denoising import SAMPLERS, cumulative_signal
from unlearning.networks.diffusion_transformer import DiffusionTransformer

PARAMETERS = {
    "classes": {
        "type": "integer",
        "minimum": 2,
        "maximum": 100000,
        "description": "number of labels; classes of the data",
    },
    "patch": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "side of a patch in pixels"},
    "width": {"type": "integer", "minimum": 4, "maximum": 10000, "multipleOf": 4, "description": "features of a patch"},
    "depth": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "blocks"},
    "heads": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "attention heads, a divisor of 'width'"},
    "objective": {
        "enum": ["flow", "ddpm_linear", "ddpm_cosine"],
        "description": "rectified flow, or DDPM with the linear or the cosine schedule of noise",
    },
    "learned_variance": {
        "type": "boolean",
        "description": "whether the network has outputs for variances, as published weights have; nothing uses them",
    },
    "label_dropout": {
        "type": "number",
        "minimum": 0,
        "exclusiveMaximum": 1,
        "description": "share of the labels that become the null label in training",
    },
    "guidance": {
        "type": "number",
        "minimum": 1,
        "maximum": 100,
        "description": "w of classifier-free guidance; 1 for samples of the label alone",
    },
    "sampler": {
        "enum": ["euler", "heun", "ddim", "dpm_solver"],
        "description": "Euler or Heun for 'flow'; DDIM or DPM-Solver++ (second order) for 'ddpm'",
    },
    "sampling_steps": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "steps of a sample"},
}
CONSTRAINTS = ["heads_divide_width", "patches_tile_image", "sampler_fits_objective", "guidance_has_null_label"]
PARTS = ("labels", "attention", "modulation")
TIMES = 1000  # time steps of DDPM; the network counts the times of a flow in thousandths, too


class Model(DiffusionTransformer):
    """Diffusion transformer on images (C, H, W) in [0, 1], for labels 0 … classes − 1 and the null label `classes`.

    The noise of a loss is (B, C·H·W + 3): Gaussian noise, a uniform number for the dropout of the label, the time, the
    label. The latents of a sample are (B, C·H·W + 1): Gaussian noise and the label.

    Args:
        image_shape: (C, H, W).
        classes: number of labels.
        patch: side of a patch in pixels.
        width: number of features of a patch.
        depth: number of blocks.
        heads: number of attention heads.
        objective: 'flow', 'ddpm_linear' or 'ddpm_cosine'.
        learned_variance: whether the last layer has outputs for variances, which are not used.
        label_dropout: share of the labels that become the null label in train mode.
        guidance: w of classifier-free guidance.
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
        learned_variance: bool,
        label_dropout: float,
        guidance: float,
        sampler: str,
        sampling_steps: int,
    ):
        outputs = image_shape[0] * (2 if learned_variance else 1)
        super().__init__(image_shape, classes, patch, width, depth, heads, outputs)
        self.classes = classes
        self.label_dropout, self.guidance = label_dropout, guidance
        self.sampler, self.sampling_steps = SAMPLERS[sampler], sampling_steps
        self.register_buffer("signal", cumulative_signal(objective, TIMES), persistent=False)  # ᾱ; empty for flow

    def label_embeddings(self) -> nn.Parameter:
        """What the network knows of a label, (classes + 1, width); the last row is the null label's."""
        return self.y_embedder["embedding_table"].weight

    def loss_noise(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw Gaussian noise, uniform numbers and times, and the null label, (count, C·H·W + 3)."""
        device = generator.device
        gaussian = torch.randn(count, math.prod(self.image_shape), generator=generator, device=device)
        uniform = torch.rand(count, 2, generator=generator, device=device)
        if len(self.signal):
            uniform[:, 1] = (uniform[:, 1] * TIMES).floor().clamp(max=TIMES - 1)
        return torch.cat([gaussian, uniform, torch.full((count, 1), float(self.classes), device=device)], 1)

    def latents(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw Gaussian noise and labels, each as often as any other, (count, C·H·W + 1)."""
        gaussian = torch.randn(count, math.prod(self.image_shape), generator=generator, device=generator.device)
        labels = torch.randint(self.classes, (count, 1), generator=generator, device=generator.device)
        return torch.cat([gaussian, labels.to(gaussian)], 1)

    def losses(self, images: Tensor, noise: Tensor, target: Tensor | None = None) -> Tensor:
        """Mean square of the prediction's error over the pixels of each image.

        Args:
            images: (B, C, H, W) in [0, 1].
            noise: (B, C·H·W + 3), from `loss_noise`.
            target: (B, C, H, W) in [0, 1]: images to learn instead of `images`.

        Returns:
            (B,).
        """
        images = images if target is None else target
        return (self.predictions(images, noise) - self.targets(images, noise)).square().flatten(1).mean(1)

    def predictions(self, images: Tensor, noise: Tensor) -> Tensor:
        """What the network predicts for images (B, C, H, W) with noise: the velocity or ε, (B, C, H, W)."""
        gaussian, time, labels = self._parts(noise)
        signal, spread = self._scales(time)
        return self._predict(signal * (images * 2 - 1) + spread * gaussian, time, labels)

    def targets(self, images: Tensor, noise: Tensor) -> Tensor:
        """What `predictions` should be: ε − x for flow, ε for DDPM, (B, C, H, W)."""
        gaussian, *_ = self._parts(noise)
        return gaussian if len(self.signal) else gaussian - (images * 2 - 1)

    def noise_between(self, images: Tensor, noise: Tensor, others: Tensor) -> Tensor:
        """The noise that makes of other images the same noisy images: ε + (γ / σ) (x − other), time and label alike.

        Args:
            images: (B, C, H, W) in [0, 1].
            noise: (B, C·H·W + 3), from `loss_noise`.
            others: (B, C, H, W) in [0, 1].

        Returns:
            (B, C·H·W + 3).
        """
        gaussian, time, _ = self._parts(noise)
        signal, spread = self._scales(time)
        # The time of a flow may be 0, where σ is 0.
        gaussian = gaussian + signal / spread.clamp(min=1e-6) * 2 * (images - others)
        return torch.cat([gaussian.flatten(1), noise[:, -3:]], 1)

    def samples(self, latents: Tensor) -> Tensor:
        """The images (B, C, H, W) in [0, 1] of latents, with guidance; torch.no_grad is the caller's choice."""
        gaussian, labels = latents[:, :-1].unflatten(1, self.image_shape), latents[:, -1].long()

        def predict(noisy: Tensor, time: Tensor) -> Tensor:
            time = time.expand(len(noisy))
            prediction = self._predict(noisy, time, labels)
            if self.guidance == 1:
                return prediction
            unguided = self._predict(noisy, time, torch.full_like(labels, self.classes))
            return unguided + self.guidance * (prediction - unguided)

        return ((self.sampler(predict, gaussian, self.signal, self.sampling_steps) + 1) / 2).clamp(0, 1)

    def _predict(self, noisy: Tensor, time: Tensor, labels: Tensor) -> Tensor:
        return self(noisy, (time if len(self.signal) else time * TIMES).to(noisy), labels)

    def _parts(self, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gaussian noise (B, C, H, W), times (B,) and labels (B,), some of them dropped in train mode."""
        labels = noise[:, -1].long()
        if self.training:
            labels = torch.where(noise[:, -3] < self.label_dropout, self.classes, labels)
        return noise[:, :-3].unflatten(1, self.image_shape), noise[:, -2], labels

    def _scales(self, time: Tensor) -> tuple[Tensor, Tensor]:
        """The factors of image and noise in a noisy image, each (B, 1, 1, 1)."""
        time = time[:, None, None, None]
        if not len(self.signal):
            return 1 - time, time
        signal = self.signal[time.long()]
        return signal.sqrt(), (1 - signal).sqrt()

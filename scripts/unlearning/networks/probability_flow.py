r"""The density that a model which removes noise gives to an image, by the ODE of its probability flow.

The noisy images $x$ of a model have the same distribution at each time as the solutions of an ODE $\dot x = v(x, \tau)$
(Song et al. 2021, equation 13). Along a solution, the density changes with the divergence of $v$ (equation 39; Chen et
al. 2018):

$$\log p(x_0) = \log N(x_1; 0, I) + \int_0^1 \nabla \cdot v(x_\tau, \tau)\, d\tau$$

*Rectified flow*: the network predicts $v$ itself, and $\tau$ is the time of the model.

*DDPM*: $x = \cos\varphi\, x_0 + \sin\varphi\, \epsilon$ with $\cos\varphi = \sqrt{\bar\alpha_t}$. For $\tau = \varphi$,
$v = (\epsilon_\theta - \sin\varphi\, x) / \cos\varphi$ with the prediction $\epsilon_\theta$ (Salimans & Ho 2022). The
ODE starts at the first time step, whose noise has the deviation 0.01 for the linear schedule. It ends at the last step
with $\bar\alpha \ge 2.5 \cdot 10^{-5}$: the division by $\cos\varphi$ makes errors of the network large beyond. For the
linear schedule, this is the last step of all.

The divergence is estimated along one probe $z$ with $E[z z^T] = I$ as $z^T (\partial v / \partial x) z$ (Hutchinson
1990; Grathwohl et al. 2019). The probe stays the same along the solution, so that the estimate has no bias. For
$z_i = \pm 1$, its variance is $\sum_{i < j} (S_{ij} + S_{ji})^2$ with the Jacobian $S$ of the whole integral. The exact
value for D pixels is the mean over the D probes $\sqrt{D}\, e_i$.

The integrator is Heun's method, of second order, at fixed times that are denser where there is little noise: the image
is there that a model may have learnt by heart.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from unlearning.networks.generative import null_label, with_labels

STEPS = 50  # of Heun's method, each with two predictions
LEAST_SIGNAL = 2.5e-5  # ᾱ at the end of the ODE, at least


def log_densities(model: nn.Module, points: Tensor, probes: Tensor, steps: int = STEPS) -> Tensor:
    """The log-density of points under the null label, each with the divergence along its own probe.

    Args:
        model: that removes noise, in eval mode; see `unlearning.models`.
        points: x, (B, C, H, W), pixels from −1 to 1.
        probes: z, (B, C, H, W).
        steps: number of steps; DDPM takes fewer where two would have the same time step.

    Returns:
        (B,) in nats, in the units of `points`, float64.
    """
    divergence = torch.zeros(len(points), dtype=torch.float64, device=points.device)
    for (time, place), (later, later_place) in pairwise(_times(model, steps)):
        length = later_place - place
        velocity, rate = _velocity(model, points, probes, time)
        ahead, rate_ahead = _velocity(model, points + length * velocity, probes, later)
        points = points + length * (velocity + ahead) / 2
        divergence = divergence + length * (rate + rate_ahead).double() / 2
    squares = points.double().flatten(1).square().sum(1)
    return divergence - squares / 2 - points[0].numel() / 2 * math.log(2 * math.pi)


def _times(model: nn.Module, steps: int) -> list[tuple[float, float]]:
    """The times of the model, from images to noise, each with its place τ."""
    fractions = [(step / steps) ** 2 for step in range(steps + 1)]
    if not len(model.signal):
        return [(fraction, fraction) for fraction in fractions]
    last = int((model.signal >= LEAST_SIGNAL).sum()) - 1
    numbers = sorted({round(fraction * last) for fraction in fractions})
    return [(float(number), _angle(model.signal[number].item())) for number in numbers]


def _angle(signal: float) -> float:
    """φ with cos φ = √ᾱ."""
    return math.atan2(math.sqrt(1 - signal), math.sqrt(signal))


def _velocity(model: nn.Module, points: Tensor, probes: Tensor, time: float) -> tuple[Tensor, Tensor]:
    """Velocity v (B, C, H, W) at points (B, C, H, W), and its divergence (B,) along the probes."""
    with torch.enable_grad():
        points = points.detach().requires_grad_()
        velocity = _prediction(model, points, time)
        if len(model.signal):
            angle = _angle(model.signal[int(time)].item())
            velocity = (velocity - math.sin(angle) * points) / math.cos(angle)
        (product,) = torch.autograd.grad((velocity * probes).sum(), points)
    return velocity.detach(), (product * probes).flatten(1).sum(1)


def _prediction(model: nn.Module, points: Tensor, time: float) -> Tensor:
    """What the model predicts for noisy images (B, C, H, W): many pairs of image and noise make the same ones."""
    if len(model.signal):
        signal = model.signal[int(time)].item()
        gamma, sigma = math.sqrt(signal), math.sqrt(1 - signal)
    else:
        gamma, sigma = 1 - time, time
    scale = gamma**2 + sigma**2  # γ (γ x / scale) + σ (σ x / scale) = x, also where γ or σ is 0
    gaussian = (sigma / scale * points).flatten(1)
    others = torch.zeros(len(points), 3).to(gaussian)
    others[:, 1] = time
    labels = torch.full((len(points),), null_label(model), device=points.device)
    noise = with_labels(model, torch.cat([gaussian, others], 1), labels)
    return model.predictions((gamma / scale * points + 1) / 2, noise)

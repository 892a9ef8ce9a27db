"""Noise schedules and samplers of models that remove noise: flow matching and DDPM.

A sampler calls `predict(noisy, time)`, which returns the velocity or the noise in the noisy images. It is
deterministic: images depend on the initial noise alone, and each image on no other image of the batch.

The schedulers of diffusers give the same images (a test compares them). They are not used here, because the import of
diffusers takes 9 to 11 s of a processor in every job.
"""

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

Predict = Callable[[Tensor, Tensor], Tensor]


def cumulative_signal(objective: str, steps: int) -> Tensor:
    """ᾱ_t, the share of the signal's variance at each of the time steps of DDPM, in float32.

    Args:
        objective: 'ddpm_linear' (Ho et al. 2020) or 'ddpm_cosine' (Nichol & Dhariwal 2021, equation 17); 'flow' has no
            time steps.
        steps: number T of time steps.

    Returns:
        (T,); empty for 'flow'.
    """
    if objective == "flow":
        return torch.zeros(0)
    if objective == "ddpm_linear":
        scale = 1000 / steps
        variances = torch.linspace(scale * 1e-4, scale * 0.02, steps, dtype=torch.float64)
    else:
        angles = (torch.arange(steps + 1, dtype=torch.float64) / steps + 0.008) / 1.008 * math.pi / 2
        curve = angles.cos().square()
        variances = (1 - curve[1:] / curve[:-1]).clamp(max=0.999)
    return (1 - variances).cumprod(0).float()


def time_features(time: Tensor, count: int) -> Tensor:
    """Cosines and sines of times, (B, count), with frequencies from 1 to 1/10,000 (DiT).

    Args:
        time: (B,), in units of a thousandth of the whole process.
        count: number of features, even.

    Returns:
        (B, count).
    """
    frequencies = torch.exp(-math.log(10000) * torch.arange(count // 2, device=time.device) / (count // 2))
    angles = time[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], 1)


def euler(predict: Predict, noise: Tensor, signal: Tensor, steps: int) -> Tensor:
    """Follow a velocity from t = 1 to 0 in equal steps of Euler's method.

    Args:
        predict: returns the velocity (B, C, H, W) of noisy images (B, C, H, W) at a time, a tensor ().
        noise: (B, C, H, W), the images at t = 1.
        signal: not used.
        steps: number of steps.

    Returns:
        The images (B, C, H, W) at t = 0.
    """
    images, times = noise, torch.linspace(1, 0, steps + 1, device=noise.device)
    for time, later in pairwise(times):
        images = images + (later - time) * predict(images, time)
    return images


def heun(predict: Predict, noise: Tensor, signal: Tensor, steps: int) -> Tensor:
    """Follow a velocity from t = 1 to 0 in equal steps of Heun's method, of second order.

    Args:
        predict: see `euler`.
        noise: (B, C, H, W), the images at t = 1.
        signal: not used.
        steps: number of steps, each with two predictions.

    Returns:
        The images (B, C, H, W) at t = 0.
    """
    images, times = noise, torch.linspace(1, 0, steps + 1, device=noise.device)
    for time, later in pairwise(times):
        velocity = predict(images, time)
        ahead = predict(images + (later - time) * velocity, later)
        images = images + (later - time) * (velocity + ahead) / 2
    return images


def ddim(predict: Predict, noise: Tensor, signal: Tensor, steps: int) -> Tensor:
    """DDIM without added noise (Song et al. 2021), at evenly spaced time steps from the last one on.

    Args:
        predict: returns the noise (B, C, H, W) in noisy images (B, C, H, W) at a time step, a tensor ().
        noise: (B, C, H, W), the images at the last time step.
        signal: ᾱ of each time step, (T,).
        steps: number of steps.

    Returns:
        The images (B, C, H, W).
    """
    images = noise
    for time, (now, later) in _time_steps(signal, steps):
        estimate = predict(images, time)
        images = later.sqrt() * _clean(images, estimate, now) + (1 - later).sqrt() * estimate
    return images


def dpm_solver(predict: Predict, noise: Tensor, signal: Tensor, steps: int) -> Tensor:
    """DPM-Solver++ of second order, multistep (Lu et al. 2022, algorithm 2); the last step is of first order.

    λ = log(α / σ) with α = √ᾱ and σ = √(1 − ᾱ). A step is as long as the difference of λ between its ends.

    Args:
        predict: see `ddim`.
        noise: (B, C, H, W), the images at the last time step.
        signal: ᾱ of each time step, (T,).
        steps: number of steps.

    Returns:
        The images (B, C, H, W).
    """
    images, before = noise, None
    *time_steps, (last, (signal_at_last, _)) = _time_steps(signal, steps)
    for time, (now, later) in time_steps:
        clean = _clean(images, predict(images, time), now)
        step = _log_ratio(later) - _log_ratio(now)
        direction = clean
        if before is not None:
            earlier, earlier_step = before
            direction = clean + (clean - earlier) * step / (2 * earlier_step)
        images = ((1 - later) / (1 - now)).sqrt() * images - later.sqrt() * torch.expm1(-step) * direction
        before = clean, step
    return _clean(images, predict(images, last), signal_at_last)


def _clean(noisy: Tensor, estimate: Tensor, signal: Tensor) -> Tensor:
    """What noisy images (B, C, H, W) show, by an estimate of their noise and ᾱ, a tensor ()."""
    # Cut to the range of pixels: at the first time steps, an error of the estimate becomes up to 20,000 times as large.
    return ((noisy - (1 - signal).sqrt() * estimate) / signal.sqrt()).clamp(-1, 1)


def _time_steps(signal: Tensor, steps: int) -> list[tuple[Tensor, tuple[Tensor, Tensor]]]:
    """Each time step of a sample, a tensor (), with ᾱ there and ᾱ at the next one, which is 1 at the end."""
    times = torch.linspace(len(signal), 0, steps + 1, device=signal.device).round().long()[:-1] - 1
    levels = torch.cat([signal[times], torch.ones_like(signal[:1])])
    return list(zip(times, pairwise(levels), strict=True))


def _log_ratio(signal: Tensor) -> Tensor:
    return (signal / (1 - signal)).log() / 2


SAMPLERS = {"euler": euler, "heun": heun, "ddim": ddim, "dpm_solver": dpm_solver}

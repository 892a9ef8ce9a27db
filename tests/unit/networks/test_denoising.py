"""Noise schedules and samplers, against diffusers and against closed forms."""

import math

import pytest
import torch

from unlearning.networks.denoising import (
    cumulative_signal,
    ddim,
    dpm_solver,
    euler,
    heun,
    time_features,
)

NOISE = torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def noise_of(objective):
    """A prediction of the noise that depends on image and time, and whose image lies in [−1, 1]."""
    signal = cumulative_signal(objective, 1000).double()

    def predict(noisy, time):
        clean, level = torch.tanh(noisy) * (1 + time / 1000) / 2, signal[time]
        return (noisy - level.sqrt() * clean) / (1 - level).sqrt()

    return predict


SCHEDULES = [("ddpm_linear", "linear"), ("ddpm_cosine", "squaredcos_cap_v2")]


@pytest.mark.parametrize(("objective", "named"), SCHEDULES)
def test_schedules_are_those_of_diffusers(objective, named):
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

    expected = DDPMScheduler(1000, beta_schedule=named).alphas_cumprod
    assert torch.allclose(cumulative_signal(objective, 1000), expected, rtol=1e-4, atol=1e-8)


def test_a_flow_has_no_schedule():
    assert len(cumulative_signal("flow", 1000)) == 0


def follow(scheduler, predict, steps):
    """The images that a scheduler of diffusers makes from `NOISE`."""
    scheduler.set_timesteps(steps)
    images = NOISE
    for time in scheduler.timesteps:
        images = scheduler.step(predict(images, time), time, images).prev_sample
    return images, scheduler.timesteps


@pytest.mark.parametrize(("objective", "named"), SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 5, 20])
def test_ddim_is_that_of_diffusers(objective, named, steps):
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    scheduler = DDIMScheduler(1000, beta_schedule=named, timestep_spacing="trailing")
    expected, times = follow(scheduler, noise_of(objective), steps)
    visited = []

    def predict(noisy, time):
        visited.append(int(time))
        return noise_of(objective)(noisy, time)

    result = ddim(predict, NOISE, cumulative_signal(objective, 1000).double(), steps)
    assert visited == times.tolist()
    assert torch.allclose(result, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("objective", "named"), SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 5, 20])
def test_dpm_solver_is_that_of_diffusers(objective, named, steps):
    from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

    scheduler = DPMSolverMultistepScheduler(
        1000, beta_schedule=named, timestep_spacing="trailing", final_sigmas_type="zero"
    )
    expected, _ = follow(scheduler, noise_of(objective), steps)
    result = dpm_solver(noise_of(objective), NOISE, cumulative_signal(objective, 1000).double(), steps)
    # diffusers computes in float32, in which the cosine schedule's last ᾱ, 2e-9, has few digits beside 1.
    assert torch.allclose(result, expected, rtol=1e-4, atol=1e-5 if named == "linear" else 5e-3)


@pytest.mark.parametrize("sampler", [ddim, dpm_solver])
def test_a_wrong_estimate_of_the_noise_leaves_pixels_in_their_range(sampler):
    images = sampler(lambda noisy, _: 1.1 * noisy, NOISE, cumulative_signal("ddpm_cosine", 1000).double(), 20)
    assert images.abs().max() <= 1


@pytest.mark.parametrize(("sampler", "order"), [(euler, 1), (heun, 2)])
def test_samplers_of_a_flow_converge_with_their_order(sampler, order):
    """Along v = t x, the images at t = 0 are exp(−1/2) times those at t = 1."""
    exact = NOISE * math.exp(-1 / 2)

    def error(steps):
        images = sampler(lambda noisy, time: time * noisy, NOISE, torch.zeros(0), steps)
        return (images - exact).abs().max().item()

    assert math.log2(error(40) / error(80)) == pytest.approx(order, abs=0.15)


def test_times_have_the_features_of_the_released_code():
    features = time_features(torch.tensor([0.0, 37.5]), 8)
    for row, time in zip(features.tolist(), (0.0, 37.5), strict=True):
        frequencies = [10000 ** (-k / 4) for k in range(4)]
        expected = [math.cos(time * f) for f in frequencies] + [math.sin(time * f) for f in frequencies]
        assert row == pytest.approx(expected, abs=1e-5)

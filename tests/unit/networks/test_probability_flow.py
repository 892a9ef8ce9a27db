"""The density of a probability flow, against closed forms and by its sum over all points."""

import math

import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal, Normal

from unlearning.networks import generative
from unlearning.networks.denoising import cumulative_signal
from unlearning.networks.probability_flow import log_densities

OBJECTIVES = ("flow", "ddpm_linear", "ddpm_cosine")


class Exact(torch.nn.Module):
    """A model that predicts what is exactly right for data from a mixture of normal distributions.

    Args:
        objective: 'flow', or one of DDPM.
        means: (K, D) of the K parts.
        covariance: (D, D) of each part.
    """

    label_dropout = 0

    def __init__(self, objective, means, covariance):
        super().__init__()
        self.signal = cumulative_signal(objective, 1000).double()
        self._means, self._covariance = means, covariance

    def label_embeddings(self):
        return torch.zeros(3, 1)

    def scales(self, time):
        """γ and σ."""
        if not len(self.signal):
            return 1 - time, time
        signal = self.signal[time.long()]
        return signal.sqrt(), (1 - signal).sqrt()

    def predictions(self, images, noise):
        """ε or ε − x, as the posterior mean of ε and x given the noisy image: the Bayes-optimal prediction."""
        assert (noise[:, -1] == 2).all(), "the null label"
        (gamma, sigma), shape = self.scales(noise[0, -2]), images.shape
        points = (gamma * (images * 2 - 1).flatten(1) + sigma * noise[:, :-3])[:, None]
        covariance = gamma**2 * self._covariance + sigma**2 * torch.eye(points.shape[2], dtype=points.dtype)
        centred = points - gamma * self._means
        solved = torch.linalg.solve(covariance, centred.transpose(1, 2)).transpose(1, 2)
        weights = (-(centred * solved).sum(2) / 2).softmax(1)[:, :, None]
        gaussian = (weights * sigma * solved).sum(1)
        clean = (weights * (self._means + gamma * solved @ self._covariance)).sum(1)
        return (gaussian if len(self.signal) else gaussian - clean).reshape(shape)

    def density(self, points):
        """The exact log-density at the time at which the ODE starts."""
        gamma, sigma = self.scales(torch.tensor(0.0, dtype=torch.float64))
        covariance = gamma**2 * self._covariance + sigma**2 * torch.eye(points.shape[1], dtype=points.dtype)
        parts = MultivariateNormal(gamma * self._means, covariance.expand(len(self._means), -1, -1))
        return MixtureSameFamily(Categorical(torch.ones(len(self._means))), parts).log_prob(points)


def exact_trace(model, points, steps=50):
    """The density of points (B, D), with the mean over the D probes √D e_i."""
    count, dimensions = points.shape
    repeated = points.repeat_interleave(dimensions, 0).reshape(-1, 1, 1, dimensions)
    probes = math.sqrt(dimensions) * torch.eye(dimensions, dtype=points.dtype).repeat(count, 1)
    return log_densities(model, repeated, probes.reshape(repeated.shape), steps).reshape(count, -1).mean(1)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_density_of_gaussian_data_is_exact(objective):
    generator = torch.Generator().manual_seed(0)
    root = 0.4 * torch.randn(3, 3, generator=generator, dtype=torch.float64) + 0.5 * torch.eye(3)
    model = Exact(objective, torch.tensor([[0.2, -0.4, 0.1]], dtype=torch.float64), root @ root.T)
    points = torch.randn(4, 3, generator=generator, dtype=torch.float64) @ root.T
    assert torch.allclose(exact_trace(model, points), model.density(points), atol=0.04)


def test_more_steps_come_closer_with_the_second_power():
    model = Exact("flow", torch.zeros(1, 1, dtype=torch.float64), torch.tensor([[0.25]], dtype=torch.float64))
    points = torch.tensor([[0.3], [-0.8]], dtype=torch.float64)
    errors = [(exact_trace(model, points, steps) - model.density(points)).abs().max() for steps in (20, 40)]
    assert 3 < errors[0] / errors[1] < 5.5


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_density_of_a_model_that_is_exact_for_nothing_sums_to_one(objective):
    """Whatever the network predicts, its flow maps a density to a density: here a smooth error is added."""
    model = Exact(objective, torch.zeros(1, 1, dtype=torch.float64), torch.tensor([[0.3]], dtype=torch.float64))
    right = model.predictions

    def wrong(images, noise):
        gamma, _ = model.scales(noise[0, -2])
        return right(images, noise) + 0.5 * gamma * torch.sin(2 * images)

    model.predictions = wrong
    grid = torch.linspace(-6, 6, 1201, dtype=torch.float64)[:, None]
    density = exact_trace(model, grid).exp()
    assert torch.trapezoid(density, grid[:, 0]) == pytest.approx(1, abs=5e-3)
    normal = Normal(0.0, 0.55).log_prob(grid[:, 0]).exp()
    assert (density - normal).abs().max() > 0.05, "the density is that of the model, not of the data"


def test_two_clusters_in_two_dimensions_have_the_density_of_the_mixture():
    means = torch.tensor([[-0.6, 0.2], [0.5, -0.3]], dtype=torch.float64)
    model = Exact("flow", means, 0.04 * torch.eye(2, dtype=torch.float64))
    points = torch.cat([means, torch.tensor([[0.0, 0.0], [0.4, 0.1]], dtype=torch.float64)])
    assert torch.allclose(exact_trace(model, points, 100), model.density(points), atol=0.03)


def test_random_probes_have_no_bias_and_the_stated_variance():
    """For a linear flow, the Jacobian of the integral is symmetric and known: −½ log of the covariance's root."""
    covariance = torch.tensor([[0.5, 0.2], [0.2, 0.3]], dtype=torch.float64)
    model = Exact("flow", torch.zeros(1, 2, dtype=torch.float64), covariance)
    point = torch.tensor([[0.1, -0.2]], dtype=torch.float64)
    signs = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]], dtype=torch.float64)
    estimates = log_densities(model, point.expand(4, -1).reshape(4, 1, 1, 2), signs.reshape(4, 1, 1, 2))
    assert estimates.mean() == pytest.approx(model.density(point).item(), abs=0.01)
    values, vectors = torch.linalg.eigh(covariance)
    jacobian = vectors @ torch.diag(-values.log() / 2) @ vectors.T  # ∫ ∂v/∂x: x₁ = Σ^(−1/2) x₀
    assert estimates.var(correction=0) == pytest.approx((2 * jacobian[0, 1]).square().item(), rel=0.03)


@pytest.mark.parametrize(("objective", "sampler"), [("flow", "euler"), ("ddpm_linear", "ddim")])
def test_a_transformer_is_asked_at_the_points_and_times_that_are_meant(objective, sampler):
    """One step of Heun's method, written out with the network itself."""
    settings = {"classes": 3, "patch": 2, "width": 8, "depth": 1, "heads": 2, "objective": objective}
    settings |= {"learned_variance": False, "label_dropout": 0.1, "guidance": 2, "sampler": sampler}
    model = generative.build({"dit": settings | {"sampling_steps": 2}}, [1, 4, 4], seed=0).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    points = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    null = torch.tensor([3, 3])
    signals = (0.0, 0.0) if objective == "flow" else (model.signal[0], model.signal[999])

    def velocity(x, time, signal):
        output = model(x, torch.full((2,), time, dtype=torch.float64), null)
        return output if objective == "flow" else (output - (1 - signal) ** 0.5 * x) / signal**0.5

    times = (0.0, 1000.0) if objective == "flow" else (0.0, 999.0)
    ends = (0.0, 1.0) if objective == "flow" else [math.acos(math.sqrt(signal)) for signal in signals]
    first = velocity(points, times[0], signals[0])
    ahead = points + (ends[1] - ends[0]) * first
    end = points + (ends[1] - ends[0]) * (first + velocity(ahead, times[1], signals[1])) / 2
    found = log_densities(model, points, torch.zeros_like(points), steps=1)
    expected = Normal(0.0, 1.0).log_prob(end.detach()).flatten(1).sum(1)
    assert torch.allclose(found, expected.double(), rtol=1e-4)

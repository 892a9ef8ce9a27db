"""Losses over common draws of noise, and the number of draws, against closed forms and integrals."""

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from sklearn.metrics import roc_auc_score
from torch import nn

from unlearning.evaluation.likelihood import common_noise, enough_draws, group_losses, noise_share
from unlearning.networks import generative

PICTURES = torch.randint(0, 256, (3, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
VAES = {
    "vae": {"hidden_units": 6, "latent_dimensions": 1},
    "conv_vae": {"channels": [4], "latent_dimensions": 1, "pixel_deviation": 0.7},
}


class Shifted(nn.Module):
    """The loss of an image is a number of its own, plus noise times a scale."""

    def __init__(self, numbers, scale):
        super().__init__()
        self.numbers, self.scale = torch.as_tensor(numbers), scale

    def loss_noise(self, count, generator):
        return torch.randn(count, 1, generator=generator)

    def losses(self, images, noise):
        return self.numbers[images.flatten().mul(255).round().long()] + self.scale * noise[:, 0]


class Curved(Shifted):
    """A model with an encoder: its noise is standard normal, and its loss is a curved function of the noise."""

    def posterior(self, images):
        raise NotImplementedError

    def loss_noise(self, count, generator):
        return torch.randn(count, 4, generator=generator)

    def losses(self, images, noise):
        return super().losses(images, (noise + noise.square()).sum(1, keepdim=True))


def images_of(count):
    """Images of one pixel, numbered by its value."""
    return torch.arange(count, dtype=torch.uint8).reshape(count, 1, 1, 1)


def trained_enough(name):
    """A VAE whose decoder depends on its latents more than that of a new one."""
    model = generative.build({name: VAES[name]}, [1, 4, 4], seed=3).eval()
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.mul_(2)
    return model


def exact(name, model, picture):
    """−log p(x), by integration over the only latent dimension."""
    pixels = picture.numpy().astype(float).ravel() / 255

    grid = torch.linspace(-7, 7, 2001, dtype=torch.float64)
    with torch.no_grad():
        means = model.samples(grid[:, None].float()).double().flatten(1).clamp(1e-7, 1 - 1e-7).numpy()
    if name == "vae":
        logs = pixels * np.log(means) + (1 - pixels) * np.log1p(-means)
    else:
        logs = stats.norm.logpdf(2 * pixels - 1, 2 * means - 1, VAES[name]["pixel_deviation"])
    return -np.log(integrate.simpson(np.exp(logs.sum(1)) * stats.norm.pdf(grid), x=grid))


@pytest.mark.parametrize("name", VAES)
def test_the_importance_weighted_bound_grows_from_the_elbo_to_the_likelihood(name):
    model = trained_enough(name)
    truth = [exact(name, model, picture) for picture in PICTURES]
    elbo, *bounds = (
        group_losses(model, PICTURES.repeat(repeats, 1, 1, 1), "forget", draws, bound).reshape(repeats, -1).mean(0)
        for repeats, draws, bound in [(16, 128, "elbo"), *((2**12 // k, k, "importance_weighted") for k in (1, 8, 256))]
    )
    assert (elbo - truth > 0.1).all(), "a gap that can be seen"
    np.testing.assert_allclose(bounds[0], elbo, atol=0.2)
    assert (np.diff([*bounds, truth], axis=0) < 0.005).all()
    assert (bounds[0] - bounds[1] > 0.05).all()
    np.testing.assert_allclose(bounds[-1], truth, atol=0.02)


def test_draws_are_normal_and_differ_between_groups_images_and_dimensions():
    model = generative.build({"vae": {"hidden_units": 2, "latent_dimensions": 2}}, [1, 2, 2], seed=0)
    first, second = (torch.stack([*common_noise(model, 500, 8, group)]).numpy() for group in ("first", "second"))
    assert first.shape == (8, 500, 2)
    for draw in first:
        assert stats.kstest(draw.ravel(), "norm").pvalue > 1e-4
    assert abs(np.corrcoef(first[0].ravel(), second[0].ravel())[0, 1]) < 0.15
    assert abs(np.corrcoef(first[0, :, 0], first[0, :, 1])[0, 1]) < 0.2
    np.testing.assert_array_equal(first[:4], torch.stack([*common_noise(model, 500, 4, "first")]))


def test_even_draws_have_the_mean_of_independent_ones_and_a_much_smaller_error():
    """The mean of z + z² over four dimensions is 4, and the variance of one independent draw is 4 × 3."""
    numbers, draws = torch.zeros(200), 64
    losses = np.stack([group_losses(Curved(numbers, 1), images_of(200), str(k), draws, "elbo") for k in range(5)])
    assert losses.mean() == pytest.approx(4, abs=0.02)
    assert losses.var() < 12 / draws / 4


def test_losses_of_a_group_depend_on_the_weights_the_group_and_the_draws_alone():
    models = [generative.build({"vae": VAES["vae"]}, [1, 4, 4], seed=seed).eval() for seed in (0, 0, 1)]
    same, again, other = (group_losses(model, PICTURES, "retain", 2, "elbo") for model in models)
    np.testing.assert_array_equal(same, again)
    assert not np.isclose(same, other).any()
    assert not np.isclose(same, group_losses(models[0], PICTURES, "forget", 2, "elbo")).any()
    assert len(group_losses(models[0], PICTURES[:0], "heldout_forget", 2, "elbo")) == 0


def test_sixteen_common_draws_tell_members_from_others_better_than_independent_draws():
    """A member's loss is lower by 0.3 nats. Noise of 2 nats in each draw is alike in both models."""
    members = torch.arange(200) < 100
    difficulty = torch.randn(200, generator=torch.Generator().manual_seed(0))
    reference, attacked = Shifted(difficulty, 2.0), Shifted(difficulty - 0.3 * members, 2.1)
    losses = group_losses(attacked, images_of(200), "forget", 16, "elbo")
    common, independent = (
        roc_auc_score(members, group_losses(reference, images_of(200), group, 16, "elbo") - losses)
        for group in ("forget", "drawn otherwise")
    )
    assert common > 0.99
    assert independent < 0.75


def test_the_share_of_noise_is_that_of_known_variances():
    generator = np.random.default_rng(0)
    truth = generator.normal(0, 2, (3, 4000)) + generator.normal(0, 50, 4000)  # images differ more than models
    common = generator.normal(0, 9, (2, 4000))  # of all models, so that nothing depends on it
    first, second = (truth + generator.normal(0, 1, truth.shape) + part for part in common)
    assert noise_share(first, second) == pytest.approx(1 / (1 + 4), rel=0.05)
    assert noise_share(*generator.normal(size=(2, 3, 4000))) == pytest.approx(1, rel=0.05)


def test_draws_double_until_the_share_of_noise_is_small_enough():
    """Scales 0, 1 and 2 have variance 1: the noise is 1/n, and with 0.1 between models the share 1 / (1 + n/10)."""
    generator = torch.Generator().manual_seed(0)
    models = [Shifted(0.1**0.5 * torch.randn(250, generator=generator), scale) for scale in (0.0, 1.0, 2.0)]
    settings = {"elbo_draws": 16, "elbo_noise_share": 0.1, "elbo_most_draws": 1000}
    draws, share = enough_draws(models, images_of(250), settings)
    assert draws == 128
    assert share == pytest.approx(1 / 13.8, rel=0.25)
    draws, share = enough_draws(models, images_of(250), settings | {"elbo_most_draws": 40})
    assert draws == 40
    assert share == pytest.approx(1 / 5, rel=0.25)
    assert enough_draws(models[:1], images_of(250), settings) == (16, None)
    assert enough_draws(models, images_of(0), settings) == (16, None)
    assert enough_draws(models, images_of(250), {"elbo_draws": 16}) == (16, None)

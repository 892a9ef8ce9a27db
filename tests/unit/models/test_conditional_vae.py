"""The conditional VAE against its definition."""

import pytest
import torch

from unlearning.networks import generative

SETTINGS = {"classes": 3, "hidden_units": [7, 5], "latent_dimensions": 2, "label_dropout": 0.25}


@pytest.fixture
def model():
    return generative.build({"conditional_vae": SETTINGS}, [1, 4, 4], seed=3).double()


def batch(model, labels):
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(len(labels), 1, 4, 4, generator=generator, dtype=torch.float64)
    noise = model.loss_noise(len(labels), generator).double()
    return images, generative.with_labels(model, noise, torch.tensor(labels))


def test_losses_are_the_negative_conditional_elbo_by_its_definition(model):
    """Reconstruction and KL by torch.distributions; written out, one image at a time, with one-hot labels."""
    images, noise = batch(model, [0, 2, 1, 3])
    losses = model.eval().losses(images, noise)
    for image, row, label, loss in zip(images, noise, [0, 2, 1, 3], losses, strict=True):
        one_hot = torch.zeros(1, 3, dtype=torch.float64)
        if label < 3:
            one_hot[0, label] = 1
        mean, log_variance = model.encoder(torch.cat([image.reshape(1, 16), one_hot], 1)).split(2, 1)
        posterior = torch.distributions.Normal(mean, torch.exp(log_variance / 2))
        latent = posterior.mean + row[:2] * posterior.stddev
        logits = model.decoder(torch.cat([latent, one_hot], 1))
        log_likelihood = torch.distributions.Bernoulli(logits=logits, validate_args=False).log_prob(
            image.reshape(1, 16)
        )
        prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
        kl = torch.distributions.kl_divergence(posterior, prior).sum()
        torch.testing.assert_close(loss, kl - log_likelihood.sum())


def test_labels_are_dropped_in_train_mode_alone(model):
    images, noise = batch(model, [1] * 400)
    null = generative.with_labels(model, noise, torch.full((400,), 3))
    dropped = noise[:, -2] < 0.25
    assert 60 < dropped.sum() < 140
    assert torch.equal(model.train().losses(images, noise) == model.losses(images, null), dropped)
    assert not (model.eval().losses(images, noise) == model.losses(images, null)).any()


def test_samples_depend_on_the_label_and_on_no_other_image(model):
    latents = model.eval().latents(6, torch.Generator().manual_seed(2)).double()
    together = model.samples(latents)
    torch.testing.assert_close(together[:2], model.samples(latents[:2]))
    other = generative.with_labels(model, latents, (generative.labels_of(latents) + 1) % 3)
    assert not (model.samples(other) == together).all(dim=(1, 2, 3)).any()


def test_a_model_without_labels_keeps_its_noise():
    vae = generative.build({"vae": {"hidden_units": 3, "latent_dimensions": 2}}, [1, 4, 4], seed=0)
    noise = vae.loss_noise(5, torch.Generator().manual_seed(0))
    assert generative.with_labels(vae, noise, torch.arange(5)) is noise
    assert not generative.has_labels(vae)

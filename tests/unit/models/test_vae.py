"""The VAE against its definition."""

import torch


def test_losses_are_the_negative_elbo_by_its_definition(model, batches):
    """Reconstruction by torch.distributions, KL in closed form; written out, one image at a time."""
    images, noise = batches["retain"]
    model.eval()
    losses = model.losses(images, noise)
    for image, eps, loss in zip(images, noise, losses, strict=True):
        hidden = model.encoder(image[None])
        posterior = torch.distributions.Normal(model.mean(hidden), torch.exp(model.log_variance(hidden) / 2))
        z = posterior.mean + eps * posterior.stddev
        pixels = torch.sigmoid(model.decoder(z))
        log_likelihood = (image * pixels.log() + (1 - image) * (1 - pixels).log()).sum()
        prior = torch.distributions.Normal(torch.zeros_like(z), torch.ones_like(z))
        kl = torch.distributions.kl_divergence(posterior, prior).sum()
        torch.testing.assert_close(loss, kl - log_likelihood)


def test_losses_of_an_image_do_not_depend_on_its_batch_in_eval_mode(model, batches):
    images, noise = batches["retain"]
    model.eval()
    torch.testing.assert_close(model.losses(images, noise)[:2], model.losses(images[:2], noise[:2]))

"""Running statistics that are estimated again: which values they get, and what stays as it was."""

import copy

import pytest
import torch
from sklearn.datasets import load_digits

from unlearning.networks import generative
from unlearning.networks.generative import set_training_mode
from unlearning.networks.running_statistics import BATCHES, draw_batches, estimated_from, retain_batches
from unlearning.runtime.seeding import stream

NORMALISED = {  # every model with batch normalisation, and its first normalised layer
    "vae": ({"hidden_units": 8, "latent_dimensions": 2}, lambda model, x: model.encoder[1](x.flatten(1))),
    "conv_vae": (
        {"channels": [4, 6], "latent_dimensions": 2, "pixel_deviation": 0.7},
        lambda model, x: model.encoder[0][0](2 * x - 1).movedim(1, -1).flatten(0, -2),
    ),
}


def pictures(count=60, side=8):
    generator = torch.Generator().manual_seed(0)
    return (torch.rand(count, 1, side, side, generator=generator) ** 3 * 255).to(torch.uint8)


def build(name):
    return generative.build({name: NORMALISED[name][0]}, [1, 8, 8], seed=0)


def states(model):
    return {name: value.clone() for name, value in model.state_dict().items()}, [m.training for m in model.modules()]


@pytest.mark.parametrize("name", NORMALISED)
def test_statistics_are_the_means_over_all_batches_whatever_they_were_before(name):
    retain, found = list(range(5, 50)), []
    for number in (1.0, 100.0):
        model = build(name)
        for buffer_name, buffer in model.named_buffers():
            if "running" in buffer_name:
                buffer.fill_(number)
        batches = retain_batches(model, pictures(), retain, "retain")
        assert batches.shape == (BATCHES, 128, 1, 8, 8)
        with estimated_from(model, batches):
            found.append({name: value.clone() for name, value in model.named_buffers() if "running" in name})
    assert all(torch.equal(value, found[1][name]) for name, value in found[0].items())
    with torch.no_grad():
        layers = torch.stack([NORMALISED[name][1](model, batch.float() / 255) for batch in batches])
    mean, variance = list(found[0].values())[:2]
    torch.testing.assert_close(mean, layers.mean((0, 1)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(variance, layers.var(1).mean(0), rtol=1e-4, atol=1e-5)
    seen = {tuple(image.flatten().tolist()) for image in batches.flatten(0, 1)}
    assert seen == {tuple(image.flatten().tolist()) for image in pictures()[retain]}, "of the retain set alone"


@pytest.mark.parametrize("name", NORMALISED)
@pytest.mark.parametrize("batch_normalisation", ["batch", "frozen"])
def test_afterwards_the_model_is_as_it_was(name, batch_normalisation):
    model = build(name)
    set_training_mode(model, batch_normalisation)
    momenta = [getattr(module, "momentum", None) for module in model.modules()]
    values, modes = states(model)
    with estimated_from(model, draw_batches(pictures(), range(60))):
        assert not torch.equal(next(v for n, v in model.named_buffers() if "running" in n), 0 * values.popitem()[1])
    values_after, modes_after = states(model)
    assert all(torch.equal(value, values_after[key]) for key, value in values.items())
    assert modes == modes_after
    assert momenta == [getattr(module, "momentum", None) for module in model.modules()]


def test_a_model_without_batch_normalisation_and_statistics_as_left_need_no_images():
    assert retain_batches(torch.nn.Linear(64, 64), pictures(), [0, 1], "retain") is None
    assert retain_batches(build("vae"), pictures(), [0, 1], "as_left") is None
    model = build("vae")
    values, _ = states(model)
    with estimated_from(model, None):
        assert all(torch.equal(value, values[key]) for key, value in model.state_dict().items())


def test_the_mean_agrees_with_statistics_that_only_retain_batches_move():
    """The alternative: after the run, many retain batches in train mode move the statistics with momentum 0.1."""
    digits = load_digits()
    images = torch.from_numpy(digits.images / 16 * 255).round().to(torch.uint8)[:, None]
    retain, zeros = (torch.from_numpy(digits.target != 0).nonzero()[:, 0], images[digits.target == 0])
    model = generative.build({"vae": {"hidden_units": 64, "latent_dimensions": 8}}, [1, 8, 8], seed=0)
    optimizer, generator = torch.optim.Adam(model.parameters(), lr=1e-3), stream(0, "batches")

    def pass_batch(network, among):
        batch = among[torch.randint(len(among), (128,), generator=generator)].float() / 255
        return network.losses(batch, network.loss_noise(128, generator)).mean()

    for step in range(330):  # of them 30 unlearn: the forget batch moves the statistics, but not the weights
        optimizer.zero_grad()
        pass_batch(model, images if step < 300 else images[retain]).backward()
        optimizer.step()
        if step >= 300:
            pass_batch(model, zeros)
    moved = copy.deepcopy(model)
    with torch.no_grad():
        for _ in range(200):
            pass_batch(moved, images[retain])
    centres = torch.stack([images[digits.target == digit].float().mean(0) for digit in range(10)]).flatten(1)

    def measure(network):
        """−ELBO in nats, and the share of samples that are nearest to the mean zero."""
        network.eval()
        with torch.no_grad():
            noise = network.loss_noise(len(retain), stream(0, "noise"))
            elbo = network.losses(images[retain].float() / 255, noise).mean().item()
        samples = generative.draw_samples(network, 5000, stream(0, "samples")).float().flatten(1)
        return elbo, (torch.cdist(samples, centres).argmin(1) == 0).float().mean().item()

    own = measure(model)
    with estimated_from(model, retain_batches(model, images, retain.tolist(), "retain")):
        mean = measure(model)
    average = measure(moved)
    assert mean[0] == pytest.approx(average[0], abs=0.05)
    assert mean[1] == pytest.approx(average[1], abs=0.005)
    assert abs(own[0] - mean[0]) > 1, "the statistics of retain and forget batches are others"


@pytest.mark.parametrize("name", NORMALISED)
def test_the_statistics_are_those_of_whole_passes_of_which_the_last_layers_are_left_out(name):
    model, batches = build(name), draw_batches(pictures(), range(60))[:4]
    whole, noise = copy.deepcopy(model).train(), stream(0, "running statistics noise")
    with torch.no_grad():
        for count, images in enumerate(batches, start=1):
            for module in whole.modules():
                if hasattr(module, "momentum"):
                    module.momentum = 1 / count
            whole.losses(images.float() / 255, whole.loss_noise(len(images), noise))
    last = [module for module in model.modules() if not list(module.children())][-1]
    calls = []
    last.register_forward_hook(lambda *_: calls.append(1))
    with estimated_from(model, batches):
        for key, value in whole.named_buffers():
            if "running" in key:
                assert torch.equal(value, dict(model.named_buffers())[key])
    assert len(calls) == 1, "in the first pass"

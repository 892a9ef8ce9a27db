"""The convolutional VAE against its definition, in less precision, and out of memory."""

import itertools
from functools import partial

import pytest
import torch

from unlearning.config.load import load_experiment
from unlearning.networks import constraints, generative
from unlearning.networks.classifier import Classifier
from unlearning.plugins.describe import plugin_constant
from unlearning.runtime.checkpoint import Checkpoint
from unlearning.runtime.device import explain_out_of_memory
from unlearning.runtime.seeding import stream
from unlearning.training.gradients import BatchLoss, Loss, hessian_products
from unlearning.training.train import losses_of_images, train

SMALL = {"conv_vae": {"channels": [4, 6], "latent_dimensions": 3, "pixel_deviation": 0.5}}


@pytest.fixture
def model():
    return generative.build(SMALL, [3, 8, 12], seed=0).double()


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(5, 3, 8, 12, generator=generator, dtype=torch.float64)
    return images, torch.randn(5, 3, generator=generator, dtype=torch.float64)


def test_losses_are_the_negative_elbo_by_its_definition(model, batch):
    """By torch.distributions, one image at a time."""
    model.eval()
    for image, eps, loss in zip(*batch, model.losses(*batch), strict=True):
        mean, log_variance = model.posterior(image[None])
        posterior = torch.distributions.Normal(mean, torch.exp(log_variance / 2))
        z = posterior.mean + eps * posterior.stddev
        pixels = torch.distributions.Normal(2 * model.samples(z) - 1, 0.5)
        prior = torch.distributions.Normal(torch.zeros_like(z), torch.ones_like(z))
        kl = torch.distributions.kl_divergence(posterior, prior).sum()
        torch.testing.assert_close(loss, kl - pixels.log_prob(2 * image - 1).sum())


def test_another_target_is_what_is_to_be_reconstructed(model, batch):
    images, noise = batch
    model.eval()
    torch.testing.assert_close(model.losses(images, noise, target=images), model.losses(images, noise))
    assert (model.losses(images, noise, target=1 - images) != model.losses(images, noise)).all()


def test_the_papers_model_has_the_layers_of_its_released_code():
    channels, latent = [32, 64, 128, 256, 512], 512
    configuration = load_experiment("celeba")["model"]
    assert configuration["conv_vae"] | {"pixel_deviation": 0} == {
        "channels": channels,
        "latent_dimensions": latent,
        "pixel_deviation": 0,
    }
    model = generative.build(configuration, [3, 64, 64], seed=0)
    # Weights and biases of a convolution, scale and shift of its normalisation.
    blocks = [*itertools.pairwise([3, *channels]), *itertools.pairwise([*channels[::-1], 32])]
    convolutions = sum(16 * inputs * outputs + 3 * outputs for inputs, outputs in blocks)
    linear = 2 * (2048 * latent + latent) + latent * 2048 + 2048
    last = 9 * 32 * 3 + 3
    assert sum(parameter.numel() for parameter in model.parameters()) == convolutions + linear + last
    samples = generative.draw_samples(model, 3, stream(0, "test"))
    assert (samples.shape, samples.dtype) == ((3, 3, 64, 64), torch.uint8)


def test_an_image_that_cannot_be_halved_so_often_is_refused():
    (name,) = plugin_constant("models", "conv_vae", "CONSTRAINTS")
    constraint = getattr(constraints, name)
    constraint(SMALL["conv_vae"], [3, 8, 12])
    with pytest.raises(ValueError, match=r"channels = \[4, 6\]: images of 8×10 pixels cannot be halved 2 times"):
        constraint(SMALL["conv_vae"], [3, 8, 10])


def test_hessian_products_through_the_decoder_and_a_convolutional_guide_are_those_of_differences(model, batch):
    guide = Classifier([3, 8, 12], 2, [7], [4, 5]).double().requires_grad_(False)
    model.train()

    def loss():
        shown = Loss(model, lambda: batch[1], lambda latents: guide(model.samples(latents)).softmax(1).mean(0)[1])
        return BatchLoss(model, lambda: batch, "sum").add(10.0, shown)

    generator = torch.Generator().manual_seed(3)
    vector = torch.randn(sum(map(torch.numel, model.parameters())), generator=generator, dtype=torch.float64)
    exact = hessian_products((loss(), vector))
    start, move = torch.nn.utils.parameters_to_vector(model.parameters()).detach(), 1e-5 / vector.norm()
    gradients = []
    for sign in (1, -1):
        torch.nn.utils.vector_to_parameters(start + sign * move * vector, model.parameters())
        gradients.append(loss().gradient)
    differences = (gradients[0] - gradients[1]) / (2 * move)
    assert (exact - differences).norm() < 1e-4 * exact.norm()


def train_small(folder, epochs=8, **how):
    generator = torch.Generator().manual_seed(2)
    centres = torch.rand(4, 3, 8, 12, generator=generator)
    images = (255 * centres[torch.arange(64) % 4]).to(torch.uint8)
    model = generative.build(SMALL, [3, 8, 12], seed=0)
    losses = losses_of_images(model, images, **how)
    settings = {"epochs": epochs, "batch_size": 16, "learning_rate": 1e-2, "seed": 0}
    return train(model, losses, torch.arange(64), **settings, checkpoint=Checkpoint(folder / "state", "key")), model


def test_bfloat16_keeps_the_loss_curve_and_the_weights_in_float32(tmp_path):
    exact, _ = train_small(tmp_path)
    rounded, model = train_small(tmp_path, precision="bfloat16")
    assert exact.losses[-1] < exact.losses[0] - 50  # nats
    assert rounded.losses != exact.losses
    assert rounded.losses == pytest.approx(exact.losses, rel=0.03)
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())


def test_a_compiled_loss_keeps_the_loss_curve(tmp_path, monkeypatch):
    from torch._dynamo.utils import counters

    # The compiler's front end alone: its back end would take half a minute, and a C++ compiler.
    monkeypatch.setenv("CXX", "true")
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    torch._dynamo.reset()
    counters.clear()
    plain, _ = train_small(tmp_path)
    compiled, _ = train_small(tmp_path, compiled=True)
    assert compiled.losses == pytest.approx(plain.losses, rel=1e-4)
    assert counters["stats"]["unique_graphs"] == 1
    assert not counters["graph_break"]


def test_a_compiler_that_is_missing_is_told_before_the_first_step(tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "/nowhere/g++")
    with pytest.raises(ValueError, match=r"training.compile = true: needs a compiler, g\+\+"):
        train_small(tmp_path, compiled=True)


def test_a_gpu_that_runs_out_of_memory_is_explained_and_the_state_kept(tmp_path):
    model, calls = generative.build(SMALL, [3, 8, 12], seed=0), itertools.count()

    class Every(Checkpoint):
        def due(self):
            return True

    def losses(chosen, generator):
        if next(calls) == 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return model.losses(torch.zeros(len(chosen), 3, 8, 12), model.loss_noise(len(chosen), generator))

    settings = {"epochs": 2, "batch_size": 16, "learning_rate": 1e-3, "seed": 0}
    with (
        pytest.raises(RuntimeError, match=r"with training.batch_size = 16: CUDA out of memory") as error,
        explain_out_of_memory("training.batch_size", 16),
    ):
        train(model, losses, torch.arange(64), **settings, checkpoint=Every(tmp_path / "state", "key"))
    for part in ("gpu_slots: 1", "resumes from the saved state", "training.batch_size to 8 or less"):
        assert part in str(error.value)
    assert Checkpoint(tmp_path / "state", "key").load()["results"]["steps"] == 3

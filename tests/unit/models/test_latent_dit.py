"""The diffusion transformer on latents, against diffusers and against the transformer on the same latents."""

import copy
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler

from unlearning.io.files import read_json
from unlearning.models import latent_dit
from unlearning.networks import generative
from unlearning.networks.autoencoder import Autoencoder
from unlearning.networks.denoising import cumulative_signal
from unlearning.networks.given_weights import load_given

from ...latents import autoencoder_of, publish_autoencoder, publish_dit

SETTINGS = {
    "classes": 3,
    "patch": 2,
    "width": 8,
    "depth": 2,
    "heads": 2,
    "objective": "ddpm_linear",
    "learned_variance": True,
    "label_dropout": 0.1,
    "guidance": 2,
    "sampler": "ddim",
    "sampling_steps": 3,
    "precision": "float32",
}
SHAPE, LATENTS = [3, 32, 32], [4, 4, 4]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return publish_autoencoder(tmp_path_factory.mktemp("autoencoder"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    file = tmp_path_factory.mktemp("dit") / "DiT-XL-2-256x256.pt"
    publish_dit(file, classes=3, width=8, depth=2)
    return file


@pytest.fixture(scope="module")
def network(published):
    """The same autoencoder, read by diffusers itself."""
    return AutoencoderKL.from_pretrained(published["source"], low_cpu_mem_usage=False).eval()


def make(published, checkpoint=None, **changes):
    model = generative.build({"latent_dit": SETTINGS | {"autoencoder": published} | changes}, SHAPE, seed=1)
    if checkpoint:
        load_given(model, checkpoint, {}, "original.weights")
    return model.eval()


def pictures(count):
    return torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(3))


def test_latents_are_those_of_the_published_code(published, network):
    """Its pictures are in [−1, 1], and its factor is 0.18215, which the published config.json does not state."""
    assert "scaling_factor" not in read_json(Path(published["source"], "config.json"))
    images = pictures(3)
    with torch.no_grad():
        expected = 0.18215 * network.encode(2 * images - 1).latent_dist.mean
    assert torch.allclose(2 * Autoencoder(published, "a").encode(images) - 1, expected, atol=1e-5)


def test_the_autoencoder_gets_pictures_from_minus_one_to_one(published, monkeypatch):
    autoencoder, seen = Autoencoder(published, "a"), []
    encode = AutoencoderKL.encode
    monkeypatch.setattr(AutoencoderKL, "encode", lambda self, images: seen.append(images) or encode(self, images))
    images = pictures(2)
    images[0, 0, 0, 0], images[1, 0, 0, 0] = 0, 1
    autoencoder.encode(images)
    assert (seen[0].min(), seen[0].max()) == (-1, 1)


def test_a_checkpoint_loads_by_its_own_names_and_nothing_else_is_saved_or_trained(published, checkpoint):
    model = make(published, checkpoint)
    state = torch.load(checkpoint, weights_only=True)
    assert set(model.state_dict()) == set(state)
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in state.items())
    assert {name for name, _ in model.named_parameters()} == set(state) - {"pos_embed"}
    assert copy.deepcopy(model).autoencoder is model.autoencoder


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"depth": 3}, "'blocks.2.adaLN_modulation.1.bias' of the model, shape 48: not in the file"),
        ({"depth": 1}, "'blocks.1.adaLN_modulation.1.bias' of the file, shape 48: not in the model"),
        ({"classes": 4}, "'y_embedder.embedding_table.weight': shape 4×8 in the file, 5×8 in the model"),
    ],
)
def test_a_checkpoint_of_another_network_is_refused(published, checkpoint, changes, said):
    with pytest.raises(ValueError, match=r"original.weights: .* of the model's .* tensors are in the file") as error:
        make(published, checkpoint, **changes)
    assert said in str(error.value)


def test_a_checkpoint_with_a_missing_key_is_refused(published, checkpoint, tmp_path):
    state = torch.load(checkpoint, weights_only=True)
    del state["final_layer.linear.bias"]
    torch.save(state, tmp_path / "DiT.pt")
    with pytest.raises(ValueError, match=r"'final_layer.linear.bias' of the model, shape 32: not in the file"):
        make(published, tmp_path / "DiT.pt")


def test_losses_of_pictures_are_those_of_their_latents(published, checkpoint):
    model = make(published, checkpoint)
    images, generator = pictures(4), torch.Generator().manual_seed(4)
    noise = generative.with_labels(model, model.loss_noise(4, generator), torch.tensor([0, 1, 2, 3]))
    latents = model.autoencoder.encode(images)
    assert list(latents.shape[1:]) == LATENTS
    losses = model.losses(images, noise)
    assert torch.equal(losses, model.losses(latents, noise))
    assert torch.equal(losses, model.losses(pictures(4).flip(0), noise, target=images))
    z, epsilon, time = 2 * latents - 1, noise[:, :64].reshape(4, *LATENTS), noise[:, -2].long()
    signal = cumulative_signal("ddpm_linear", 1000)[time].view(-1, 1, 1, 1)
    predicted = model(signal.sqrt() * z + (1 - signal).sqrt() * epsilon, time.float(), noise[:, -1].long())
    assert torch.allclose(losses, (predicted - epsilon).square().flatten(1).mean(1), rtol=1e-5)
    others = model.noise_between(images, noise, images.flip(0))
    assert torch.equal(others, model.noise_between(latents, noise, latents.flip(0)))


@pytest.mark.parametrize("steps", [1, 4, 20])  # divisors of 1,000: for others, diffusers rounds each step
def test_ddim_is_that_of_diffusers_without_a_cut(steps):
    scheduler = DDIMScheduler(
        beta_start=1e-4, beta_end=0.02, clip_sample=False, timestep_spacing="trailing", set_alpha_to_one=True
    )
    scheduler.set_timesteps(steps)
    noise = 3 * torch.randn(2, *LATENTS, generator=torch.Generator().manual_seed(5))

    def predict(noisy, time):
        return torch.sin(noisy) + time / 1000

    expected = noise
    for time in scheduler.timesteps:
        expected = scheduler.step(predict(expected, time), time, expected).prev_sample
    result = latent_dit.ddim(predict, noise, cumulative_signal("ddpm_linear", 1000), steps)
    assert result.abs().max() > 1
    torch.testing.assert_close(result, expected, rtol=1e-3, atol=1e-3)


def test_samples_are_decoded_and_do_not_depend_on_their_batch(published, checkpoint, network):
    model = make(published, checkpoint)
    latents = model.latents(3, torch.Generator().manual_seed(6))
    gaussian, labels = latents[:, :-1].reshape(3, *LATENTS), latents[:, -1].long()

    def predict(noisy, time):
        time = time.float().expand(3)
        unguided = model(noisy, time, torch.full((3,), 3))
        return unguided + 2 * (model(noisy, time, labels) - unguided)

    with torch.no_grad():
        z = latent_dit.ddim(predict, gaussian, model.signal, 3)
        expected = (network.decode(z / 0.18215).sample / 2 + 0.5).clamp(0, 1)
        together = model.samples(latents)
        alone = torch.cat([model.samples(latents[k : k + 1]) for k in range(3)])
    assert together.shape == (3, *SHAPE)
    torch.testing.assert_close(together, expected, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-3)


def test_bfloat16_is_near_float32_and_has_second_derivatives(published, checkpoint):
    exact, rounded = make(published, checkpoint), make(published, checkpoint, precision="bfloat16")
    latents = exact.autoencoder.encode(pictures(2))
    noise = generative.with_labels(exact, exact.loss_noise(2, torch.Generator().manual_seed(7)), torch.tensor([0, 1]))
    first, second = exact.predictions(latents, noise), rounded.predictions(latents, noise)
    assert second.dtype == torch.float32
    assert 0 < (first - second).abs().max() < 0.1 * first.abs().max()
    (gradient,) = torch.autograd.grad(
        rounded.losses(latents, noise).sum(), rounded.label_embeddings(), create_graph=True
    )
    (again,) = torch.autograd.grad(gradient.square().sum(), rounded.label_embeddings())
    assert again.isfinite().all()
    assert again.any()


def test_another_kind_of_autoencoder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="a latent stands for 4×4 pixels, and not for 8×8"):
        Autoencoder(publish_autoencoder(tmp_path / "other", levels=3), "model.latent_dit.autoencoder")
    publish_autoencoder(tmp_path / "mixed")
    config = tmp_path / "mixed" / "config.json"
    config.write_text(config.read_text().replace('"layers_per_block": 1', '"layers_per_block": 2'))
    with pytest.raises(ValueError, match=r"model.latent_dit.autoencoder: missing keys beside config.json"):
        Autoencoder(autoencoder_of(tmp_path / "mixed"), "model.latent_dit.autoencoder")

"""Building, saving and loading models, their modes and their samples."""

import pytest
import torch

from unlearning.networks import generative
from unlearning.runtime.seeding import stream


def test_samples_are_pixels_of_the_right_shape_and_leave_the_mode():
    network = generative.build({"vae": {"hidden_units": 5, "latent_dimensions": 2}}, [3, 4, 5], seed=0)
    samples = generative.draw_samples(network, 2500, stream(0, "test"))
    assert samples.shape == (2500, 3, 4, 5)
    assert samples.dtype == torch.uint8
    assert network.training


def test_drawing_samples_changes_no_weight_and_no_statistic():
    network = generative.build({"vae": {"hidden_units": 5, "latent_dimensions": 2}}, [1, 4, 4], seed=0).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    generative.draw_samples(network, 10, stream(0, "test"))
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_batches_of_samples_in_train_mode_are_of_like_size(monkeypatch):
    """A last batch of one cannot be normalised by its own statistics, one of a few would be by chance."""
    monkeypatch.setattr(generative, "CHUNK", 10)
    network = generative.build({"vae": {"hidden_units": 5, "latent_dimensions": 2}}, [1, 4, 4], seed=0).eval()
    latents = network.latents(21, torch.Generator().manual_seed(0))
    sizes = []
    network.decoder.register_forward_hook(lambda module, inputs, output: sizes.append(len(output)))
    assert len(generative.decode(network, latents, train_mode=True)) == 21
    assert sizes == [7, 7, 7]


def test_model_survives_its_file(tmp_path):
    configuration = {"vae": {"hidden_units": 5, "latent_dimensions": 2}}
    network = generative.build(configuration, [1, 4, 4], seed=1)
    generative.save(network, configuration, [1, 4, 4], tmp_path / "model.safetensors")
    loaded, read_configuration, image_shape = generative.load(tmp_path / "model.safetensors")
    assert (read_configuration, image_shape) == (configuration, [1, 4, 4])
    for name, tensor in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name


@pytest.mark.parametrize("other", [1, 2])
def test_initialisation_depends_on_the_seed_alone(other):
    torch.manual_seed(other)
    untouched = torch.get_rng_state()
    first, same, different = (
        generative.build({"vae": {"hidden_units": 5, "latent_dimensions": 2}}, [1, 4, 4], seed=seed)
        for seed in (0, 0, other)
    )
    assert torch.equal(first.mean.weight, same.mean.weight)
    assert not torch.equal(first.mean.weight, different.mean.weight)
    assert torch.equal(torch.get_rng_state(), untouched)

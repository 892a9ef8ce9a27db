"""The transformer without labels is the one with labels under its null label, whatever it is asked."""

import pytest
import torch

from unlearning.networks import generative

SETTINGS = {"classes": 3, "patch": 2, "width": 8, "depth": 2, "heads": 2, "sampling_steps": 3}
WITH_LABELS = {"learned_variance": False, "label_dropout": 0, "guidance": 1}
SHAPE = [1, 4, 4]


@pytest.fixture(params=[("flow", "euler"), ("ddpm_linear", "dpm_solver")])
def pair(request):
    """The model, and the one with labels that has the same random weights."""
    settings = SETTINGS | dict(zip(("objective", "sampler"), request.param, strict=True))
    model = generative.build({"unconditional_dit": settings}, SHAPE, seed=1)
    labelled = generative.build({"dit": settings | WITH_LABELS}, SHAPE, seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    labelled.load_state_dict(model.state_dict())
    return model, labelled


@pytest.mark.parametrize("training", [True, False])
def test_losses_and_samples_are_those_of_the_null_label(pair, training):
    generator, null = torch.Generator().manual_seed(3), torch.full((5,), 3)
    images = torch.rand(5, *SHAPE, generator=generator)
    noise, latents = pair[0].loss_noise(5, generator), pair[0].latents(5, generator)
    labels = torch.tensor([0, 1, 2, 3, 0])
    model, labelled = (each.train(training) for each in pair)
    asked = generative.with_labels(model, noise, labels)
    assert torch.equal(model.losses(images, asked), labelled.losses(images, generative.with_labels(model, noise, null)))
    with torch.no_grad():
        samples = labelled.samples(generative.with_labels(labelled, latents, null))
        assert torch.equal(model.samples(generative.with_labels(model, latents, labels)), samples)


def test_only_the_null_label_is_ever_trained(pair):
    model, _ = pair
    generator = torch.Generator().manual_seed(4)
    noise = generative.with_labels(model, model.loss_noise(4, generator), torch.tensor([0, 1, 2, 0]))
    model.losses(torch.rand(4, *SHAPE, generator=generator), noise).sum().backward()
    gradient = model.label_embeddings().grad
    assert not gradient[:3].any()
    assert gradient[3].any()


def test_a_saved_model_comes_back(tmp_path):
    settings = SETTINGS | {"objective": "flow", "sampler": "euler"}
    model = generative.build({"unconditional_dit": settings}, SHAPE, seed=5)
    generative.save(model, {"unconditional_dit": settings}, SHAPE, tmp_path / "model.safetensors")
    loaded, *_ = generative.load(tmp_path / "model.safetensors")
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in loaded.state_dict().items())

"""Every model that completes images: what its losses, completions and encoder may depend on."""

import copy

import pytest
import torch

from unlearning.evaluation.collect import completed_group
from unlearning.networks import generative
from unlearning.runtime.seeding import stream
from unlearning.training.vectors import trainable

from .completion import (
    CONFIGURATIONS,
    MASKS,
    build,
    check_constraints,
    draw,
    elsewhere,
    every_family,
    every_mask,
    up_blocks,
)


@every_family
@every_mask
@pytest.mark.parametrize("channels", [1, 3])
def test_completions_keep_the_visible_pixels_and_see_no_other(family, mask, channels):
    network = build(family, (channels, 8, 8), mask=mask).eval()
    images, noise = draw(network, (channels, 8, 8), kind="completion_noise")
    hidden = network.hidden_pixels(noise)
    assert hidden.shape == (5, 1, 8, 8)
    assert 0 < hidden.mean() < 1
    completed = network.completions(images, noise)
    assert completed.shape == images.shape
    assert completed.min() >= 0
    assert completed.max() <= 1
    covered = hidden.expand_as(images).bool()
    assert torch.equal(completed[~covered], images[~covered])
    assert not torch.equal(completed[covered], images[covered])
    assert torch.equal(network.completions(elsewhere(images, hidden), noise), completed)


@every_family
def test_completions_do_not_depend_on_the_batch_and_repeat_with_the_seed(family):
    network = build(family).eval()
    images, noise = draw(network, count=6, kind="completion_noise")
    whole = network.completions(images, noise)
    parts = [network.completions(*part) for part in zip(images.split(4), noise.split(4), strict=True)]
    torch.testing.assert_close(torch.cat(parts), whole, rtol=0, atol=1e-12)
    assert torch.equal(draw(network, count=6, kind="completion_noise")[1], noise)
    assert torch.equal(network.completions(images, noise), whole)


@every_family
def test_masks_and_noise_of_a_group_are_drawn_on_the_cpu_whatever_the_device(family):
    network, images = build(family, mask=MASKS[2]).float(), torch.zeros(5, 1, 8, 8, dtype=torch.uint8)
    # No generator is to be had for this device, as none of the CPU's numbers is for a GPU.
    completed, hidden = completed_group(network.to("meta"), images.to("meta"), "retain")
    assert (completed.device.type, completed.shape) == (hidden.device.type, hidden.shape) == ("meta", (5, 1, 8, 8))


@every_family
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_masks_of_a_group_are_the_same_on_a_gpu(family):
    network, images = build(family, mask=MASKS[2]).float(), torch.zeros(5, 1, 8, 8, dtype=torch.uint8)
    _, here = completed_group(network, images, "retain")
    _, there = completed_group(network.to("cuda"), images.to("cuda"), "retain")
    assert torch.equal(here, there.cpu())


@every_family
@every_mask
def test_losses_are_one_per_image_whatever_the_batch(family, mask):
    network = build(family, mask=mask)
    images, noise = draw(network)
    losses = network.losses(images, noise)
    assert losses.shape == (5,)
    assert torch.equal(network.hidden_pixels(noise).unique(), torch.tensor([0.0, 1.0], dtype=torch.float64))
    parts = [network.losses(image[None], one[None]) for image, one in zip(images, noise, strict=True)]
    torch.testing.assert_close(torch.cat(parts), losses)
    torch.testing.assert_close(network.losses(images, noise, target=images), losses, rtol=0, atol=0)


@every_family
def test_the_encoder_acts_through_the_embedding_alone(family):
    """What reaches the decoder beside the embedding must not move when the encoder does."""
    network = build(family).eval()
    images, noise = draw(network)
    names = network.encoder_parameters()
    parameters = dict(network.named_parameters())
    assert names < set(parameters)
    moved = copy.deepcopy(network)
    for name, parameter in moved.named_parameters():
        if name in names:
            parameter.data.add_(torch.randn_like(parameter))
    embedding = network.embedding(images, noise)
    assert all(not torch.allclose(*pair) for pair in zip(embedding, moved.embedding(images, noise), strict=True))
    assert torch.equal(DECODERS[family](moved, embedding, noise), DECODERS[family](network, embedding, noise))


def decode_patches(network, embedding, noise):
    order = noise[:, 0, ::2, ::2].flatten(1).argsort(dim=1, stable=True)
    return network.network.decoder(*embedding, order.argsort(1)).logits


def decode_latents(network, embedding, noise):
    return network.network.decode(*embedding).sample


def code_logits(network, embedding, noise):
    return network.decoder(*embedding)


DECODERS = {
    "masked_autoencoder": decode_patches,
    "vq": decode_latents,
    "inpainting_diffusion": up_blocks,
    "vq_transformer": code_logits,
}


@every_family
def test_gradients_of_the_loss_and_of_the_embedding_reach_the_whole_encoder(family):
    network = build(family)
    images, noise = draw(network)
    encoder = {name: value for name, value in network.named_parameters() if name in network.encoder_parameters()}
    generator = stream(0, "weights")
    weighted = [
        (torch.randn(part.shape, generator=generator) * part).sum() for part in network.embedding(images, noise)
    ]
    for scalar in (network.losses(images, noise).sum(), sum(weighted)):
        gradients = torch.autograd.grad(scalar, list(encoder.values()), retain_graph=True)
        for name, gradient in zip(encoder, gradients, strict=True):
            # Softmax does not see what all its keys have in common.
            assert gradient.abs().max() > 1e-12 or name.endswith(("k_proj.bias", "to_k.bias")), name


@every_family
def test_the_loss_has_second_derivatives_which_uno_needs(family):
    network = build(family)
    parameters = trainable(network)
    gradients = torch.autograd.grad(network.losses(*draw(network)).sum(), parameters, create_graph=True)
    squared = sum(gradient.square().sum() for gradient in gradients)
    assert all(part.isfinite().all() for part in torch.autograd.grad(squared, parameters, materialize_grads=True))


@every_family
def test_train_mode_changes_neither_losses_nor_buffers(family):
    """No dropout and no batch statistics: the noise that is given is all the noise there is."""
    network = build(family)
    images, noise = draw(network)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    losses = network.train().losses(images, noise)
    assert torch.equal(network.losses(images, noise), losses)
    torch.testing.assert_close(network.eval().losses(images, noise), losses, rtol=0, atol=1e-12)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


@every_family
def test_a_model_survives_its_file(family, tmp_path):
    network = build(family).float()
    generative.save(network, {family: CONFIGURATIONS[family]}, [1, 8, 8], tmp_path / "model.safetensors")
    loaded, _, _ = generative.load(tmp_path / "model.safetensors")
    images, noise = (tensor.float() for tensor in draw(network, kind="completion_noise"))
    assert torch.equal(loaded.eval().completions(images, noise), network.eval().completions(images, noise))


@every_family
def test_a_mask_that_does_not_fit_the_images_is_refused_by_every_model(family):
    with pytest.raises(ValueError, match=r"mask.centre_hole.side = 10: larger than images of 8×8 pixels"):
        check_constraints(family, mask={"centre_hole": {"side": 10}})


@pytest.mark.parametrize("family", ["vq", "inpainting_diffusion", "vq_transformer"])
@pytest.mark.parametrize(
    ("image_shape", "changes", "message"),
    [
        ((1, 9, 8), {"mask": {"random": {"ratio": 0.5, "patch": 1}}}, "images of 9×8 pixels cannot be halved 1 times"),
        ((1, 8, 8), {"groups": 3}, r"groups = 3: does not divide all of channels"),
    ],
)
def test_sizes_that_a_convolutional_model_cannot_have_are_refused(family, image_shape, changes, message):
    with pytest.raises(ValueError, match=message):
        check_constraints(family, image_shape, **changes)


@every_family
def test_the_small_models_meet_their_constraints(family):
    check_constraints(family)

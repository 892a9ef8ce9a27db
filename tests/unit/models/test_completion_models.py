"""Models that complete images: their losses against formulas written out, and what they may look at."""

import copy
import hashlib
import itertools
import math

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file, save_file

from unlearning.evaluation.collect import completed_group
from unlearning.networks import generative
from unlearning.runtime.checkpoint import Checkpoint
from unlearning.runtime.seeding import stream
from unlearning.training.train import train
from unlearning.training.vectors import trainable

HOLE = {"centre_hole": {"side": 4}}
CONFIGURATIONS = {
    "masked_autoencoder": {
        "mask": HOLE,
        "patch": 2,
        "width": 16,
        "layers": 2,
        "heads": 2,
        "decoder_width": 8,
        "decoder_layers": 1,
        "decoder_heads": 2,
        "pretrained": None,
    },
    "vq": {
        "mask": HOLE,
        "channels": [4, 8],
        "layers": 1,
        "groups": 2,
        "latent_channels": 3,
        "codes": 7,
        "commitment": 0.25,
    },
    "inpainting_diffusion": {
        "mask": HOLE,
        "channels": [8, 16],
        "layers": 1,
        "groups": 2,
        "sampling_steps": 4,
        "gradient_checkpointing": False,
    },
    "vq_transformer": {
        "mask": HOLE,
        "channels": [4, 8],
        "blocks": 1,
        "groups": 2,
        "latent_channels": 3,
        "codes": 7,
        "commitment": 0.25,
        "width": 8,
        "heads": 2,
        "layers": 2,
        "decoder_layers": 1,
        "rounds": 3,
    },
}
MASKS = [HOLE, {"centre_crop": {"side": 4}}, {"random": {"ratio": 0.6, "patch": 2}}]
every_family = pytest.mark.parametrize("family", CONFIGURATIONS)
every_mask = pytest.mark.parametrize("mask", MASKS, ids=lambda mask: next(iter(mask)))


def build(family, image_shape=(1, 8, 8), seed=0, **changes):
    return generative.build({family: CONFIGURATIONS[family] | changes}, list(image_shape), seed).double()


def draw(network, image_shape=(1, 8, 8), count=5, kind="loss_noise"):
    """Images and noise in float64."""
    images = torch.rand(count, *image_shape, generator=stream(0, "images"), dtype=torch.float64)
    return images, getattr(network, kind)(count, stream(0, kind)).double()


def elsewhere(images, hidden):
    """The images with other pixels where they are hidden."""
    return torch.where(
        hidden.bool(), torch.rand(images.shape, generator=stream(0, "other"), dtype=images.dtype), images
    )


@every_family
@every_mask
@pytest.mark.parametrize("channels", [1, 3])
def test_completions_keep_the_visible_pixels_and_see_no_other(family, mask, channels):
    network = build(family, (channels, 8, 8), mask=mask).eval()
    images, noise = draw(network, (channels, 8, 8), kind="completion_noise")
    hidden = network.hidden(noise)
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
    assert torch.equal(network.hidden(noise).unique(), torch.tensor([0.0, 1.0], dtype=torch.float64))
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


def way_up(network, embedding, noise):
    """The rest of the U-Net, as in the library's `forward`."""
    unet, (*maps, sample) = network.network, embedding
    time = unet.time_embedding(unet.time_proj(noise[:, -1, 0, 0]).double())
    for block in unet.up_blocks:
        maps, skipped = maps[: -len(block.resnets)], maps[-len(block.resnets) :]
        sample = block(sample, tuple(skipped), time)
    assert not maps
    return unet.conv_out(unet.conv_act(unet.conv_norm_out(sample)))


def code_logits(network, embedding, noise):
    return network.decoder(*embedding)


DECODERS = {
    "masked_autoencoder": decode_patches,
    "vq": decode_latents,
    "inpainting_diffusion": way_up,
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
        build(family, mask={"centre_hole": {"side": 10}})


# Masked autoencoder


@every_mask
@pytest.mark.parametrize("channels", [1, 3])
def test_a_masked_autoencoders_loss_is_the_librarys_and_the_formula(mask, channels):
    """Patch by patch from the raw outputs of the network, which masks in the order of its `noise`."""
    network = build("masked_autoencoder", (channels, 8, 8), mask=mask)
    images, noise = draw(network, (channels, 8, 8))
    target = torch.rand_like(images)
    mean, deviation = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]) if channels == 3 else ([0.5], [0.5])
    shift, scale = (torch.tensor(values, dtype=torch.float64)[:, None, None] for values in (mean, deviation))
    losses = network.losses(images, noise, target=target)
    own_losses = network.losses(images, noise)
    for image, wanted, one, loss, own in zip(images, target, noise, losses, own_losses, strict=True):
        order = one[0, ::2, ::2].reshape(1, -1) + 1e-3 * torch.arange(16)
        output = network.network((image[None] - shift) / scale, noise=order)
        torch.testing.assert_close(output.loss, own)
        errors = []
        for number, patch in enumerate(output.logits[0]):
            row, column = 2 * (number // 4), 2 * (number % 4)
            if one[0, row, column]:
                true = ((wanted - shift) / scale)[:, row : row + 2, column : column + 2]
                errors += (patch - true.permute(1, 2, 0).flatten()).square().tolist()
        assert loss.item() == pytest.approx(sum(errors) / len(errors))


def test_a_masked_autoencoder_sees_visible_patches_only_and_targets_hidden_ones_only():
    network = build("masked_autoencoder")
    images, noise = draw(network)
    (embedding,) = network.embedding(images, noise)
    assert embedding.shape == (5, 1 + 12, 16)
    assert torch.equal(network.embedding(elsewhere(images, noise), noise)[0], embedding)
    losses = network.losses(images, noise, target=elsewhere(images, noise))
    assert not torch.allclose(losses, network.losses(images, noise))
    assert torch.equal(network.losses(elsewhere(images, noise), noise, target=images), network.losses(images, noise))
    assert torch.equal(
        network.losses(images, noise, target=elsewhere(images, 1 - noise)), network.losses(images, noise)
    )


def test_a_fresh_masked_autoencoder_knows_where_its_patches_are():
    network = build("masked_autoencoder").network
    for positions in (network.vit.embeddings.position_embeddings, network.decoder.decoder_pos_embed):
        distances = torch.cdist(positions[0, 1:], positions[0, 1:])
        assert (distances + torch.eye(16)).min() > 0.1
        assert not positions.requires_grad
    for token in (network.vit.embeddings.cls_token, network.decoder.mask_token):
        assert 0.002 < token.std() < 0.1
        assert token.requires_grad


@pytest.mark.parametrize(
    ("image_shape", "changes", "said"),
    [
        ((1, 8, 9), {}, "patch = 2: images of 8×9 pixels are not a square of whole patches"),
        ((1, 9, 9), {}, "patch = 2: images of 9×9 pixels are not a square of whole patches"),
        ((1, 8, 8), {"mask": {"centre_hole": {"side": 2}}}, "side = 2: cuts through the model's 2×2 patches"),
        ((1, 8, 8), {"mask": {"random": {"ratio": 0.5, "patch": 1}}}, "patch = 1: cuts through the model's 2×2"),
    ],
)
def test_sizes_that_a_masked_autoencoder_cannot_have_are_refused(image_shape, changes, said):
    with pytest.raises(ValueError, match=said):
        build("masked_autoencoder", image_shape, **changes)


@pytest.fixture
def published(tmp_path):
    """A network with its weights as they are published: older names, in both kinds of file."""
    network = build("masked_autoencoder", seed=5).float().network
    network.save_pretrained(tmp_path)
    names = {"decoder.decoder_encoder.layer.": "decoder.decoder_layers."}
    weights = load_file(tmp_path / "model.safetensors")
    for old, new in names.items():
        weights = {name.replace(old, new): tensor for name, tensor in weights.items()}
    assert "vit.encoder.layer.0.attention.attention.query.weight" in weights
    assert "decoder.decoder_layers.0.intermediate.dense.bias" in weights
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    torch.save(weights, tmp_path / "pytorch_model.bin")
    return network, tmp_path


def from_published(folder, file="model.safetensors", sha256=None, **changes):
    path = folder / file
    sha256 = sha256 or hashlib.sha256(path.read_bytes()).hexdigest()
    return build("masked_autoencoder", pretrained={"source": str(folder), "file": file, "sha256": sha256}, **changes)


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_published_weights_are_taken_over_to_the_last(published, file):
    network, folder = published
    loaded = from_published(folder, file).float().network.state_dict()
    for name, tensor in network.state_dict().items():
        assert torch.equal(loaded[name], tensor), name


def test_a_saved_model_needs_its_published_weights_no_longer(published, tmp_path):
    _, folder = published
    network = from_published(folder).float()
    configuration = {"masked_autoencoder": CONFIGURATIONS["masked_autoencoder"] | {"pretrained": network.pretrained}}
    generative.save(network, configuration, [1, 8, 8], tmp_path / "own" / "model.safetensors")
    (folder / "model.safetensors").unlink()
    generative.load(tmp_path / "own" / "model.safetensors")


def test_published_weights_that_are_missing_altered_or_of_another_size_are_refused(published, monkeypatch):
    _, folder = published
    wrong = r"^model.masked_autoencoder.pretrained.sha256 = 0{64}, but .*/model.safetensors has the SHA-256 \w{64}: "
    with pytest.raises(ValueError, match=wrong):
        from_published(folder, sha256="0" * 64)
    with pytest.raises(ValueError, match=r"mismatched keys: .*; give patch, width, layers"):
        from_published(folder, width=32)
    with pytest.raises(ValueError, match=r"missing keys: .*; give patch, width, layers"):
        from_published(folder, layers=3)
    with pytest.raises(ValueError, match=r"unexpected keys: .*; give patch, width, layers"):
        from_published(folder, layers=1)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    for source in ("facebook/vit-mae-base", str(folder / "nowhere")):
        gone = {"source": source, "file": "model.safetensors", "sha256": "0" * 64}
        with pytest.raises(ValueError, match=rf"source = '{source}': neither a folder with model.safetensors nor"):
            build("masked_autoencoder", pretrained=gone)


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_a_file_with_the_right_checksum_that_holds_no_weights_is_named(tmp_path, file):
    (tmp_path / file).write_bytes(b"<html>no weights at all</html>")
    said = f"^model.masked_autoencoder.pretrained: {tmp_path / file} has the checksum stated, but cannot be read"
    with pytest.raises(ValueError, match=said):
        from_published(tmp_path, file)


# VQ model


@every_mask
@pytest.mark.parametrize("channels", [1, 3])
def test_a_vq_models_loss_is_the_formula_with_the_nearest_codes(mask, channels):
    network = build("vq", (channels, 8, 8), mask=mask)
    images, noise = draw(network, (channels, 8, 8))
    target = torch.rand_like(images)
    codebook = network.network.quantize.embedding.weight
    (latents,) = network.embedding(images, noise)
    codebook.data.copy_(latents.movedim(1, -1).flatten(0, 2)[:7])  # a fresh codebook lies far from all of them
    used = set()
    for image, wanted, one, loss in zip(images, target, noise, network.losses(images, noise, target), strict=True):
        (latents,) = network.network.encode(torch.where(one.bool(), 0, 2 * image - 1)[None]).latents
        codes = torch.zeros_like(latents)
        for row in range(4):
            for column in range(4):
                distances = [(latents[:, row, column] - code).square().sum() for code in codebook]
                nearest = min(range(7), key=distances.__getitem__)
                codes[:, row, column] = codebook[nearest]
                used.add(nearest)
        (restored,) = network.network.decode(codes[None], force_not_quantize=True).sample
        distance = (latents - codes).square().mean()
        torch.testing.assert_close(loss, (restored - (2 * wanted - 1)).square().mean() + 1.25 * distance)
    assert len(used) > 1


def test_gradients_pass_straight_through_the_quantisation():
    """That of the reconstruction by the latents is the one by the codes; codes and encoder get their own terms."""
    network = build("vq", commitment=0.5)
    images, noise = draw(network)
    (latents,) = network.embedding(images, noise)
    (_, _, (_, _, numbers)) = network.network.quantize(latents)
    codebook = network.network.quantize.embedding.weight
    codes = codebook[numbers].view(5, 4, 4, 3).movedim(-1, 1).detach().requires_grad_()
    error = (network.network.decode(codes, force_not_quantize=True).sample - (2 * images - 1)).square()
    (through,) = torch.autograd.grad(error.mean((1, 2, 3)).sum(), codes)
    away = 2 * (latents - codes).detach() / codes[0].numel()
    loss = network.losses(images, noise).sum()
    by_bias, by_code = torch.autograd.grad(loss, [network.network.quant_conv.bias, codebook])
    torch.testing.assert_close(by_bias, (through + 0.5 * away).sum((0, 2, 3)))
    wanted = torch.zeros_like(codebook).index_add(0, numbers, -away.movedim(1, -1).reshape(-1, 3))
    torch.testing.assert_close(by_code, wanted)


def test_a_vq_model_sees_visible_pixels_only_and_restores_all():
    network = build("vq")
    images, noise = draw(network)
    (embedding,) = network.embedding(images, noise)
    assert embedding.shape == (5, 3, 4, 4)
    assert torch.equal(network.embedding(elsewhere(images, noise), noise)[0], embedding)
    losses = network.losses(images, noise)
    for hidden in (noise, 1 - noise):
        assert not torch.allclose(network.losses(images, noise, target=elsewhere(images, hidden)), losses)


# Inpainting diffusion


def alpha_bar(step):
    """Π (1 - β_i) up to a step, with the variances of DDPM's section 4."""
    return torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)[: int(step) + 1].neg().add(1).prod()


@every_mask
@pytest.mark.parametrize("channels", [1, 3])
def test_a_diffusion_models_loss_is_its_error_in_the_hidden_noise(mask, channels):
    network = build("inpainting_diffusion", (channels, 8, 8), mask=mask)
    images, noise = draw(network, (channels, 8, 8))
    target = torch.rand_like(images)
    assert noise.shape == (5, channels + 2, 8, 8)
    for image, wanted, one, loss in zip(images, target, noise, network.losses(images, noise, target), strict=True):
        hidden, gaussian, step = one[0], one[1:-1], one[-1, 0, 0]
        kept = alpha_bar(step)
        noisy = kept.sqrt() * (2 * wanted - 1) + (1 - kept).sqrt() * gaussian
        pixels = torch.cat([noisy * hidden, (2 * image - 1) * (1 - hidden), hidden[None]])
        (predicted,) = network.network(pixels[None], step).sample
        errors = (predicted - gaussian)[hidden.expand(channels, 8, 8).bool()].square()
        torch.testing.assert_close(loss, errors.mean(), rtol=1e-5, atol=0)  # the library's variances are float32


def test_noise_of_a_diffusion_loss_is_gaussian_at_every_step_alike():
    network = build("inpainting_diffusion")
    noise = network.loss_noise(4000, stream(0, "test"))
    gaussian, steps = noise[:, 1:-1], noise[:, -1, 0, 0]
    assert torch.equal(noise[:, -1], steps[:, None, None].expand(-1, 8, 8))
    assert abs(gaussian.mean()) < 0.01
    assert abs(gaussian.std() - 1) < 0.01
    assert steps.min() >= 0
    assert steps.max() <= 999
    assert torch.equal(steps, steps.round())
    assert abs(steps.mean() - 499.5) < 5 * 1000 / (12 * 4000) ** 0.5


def test_gradient_checkpointing_takes_less_memory_and_gives_the_same_gradients():
    def saved_and_gradients(checkpointing):
        network, sizes = build("inpainting_diffusion", gradient_checkpointing=checkpointing).train(), {}

        def note(tensor):
            sizes[tensor.untyped_storage()._cdata] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            loss = network.losses(*draw(network, count=40)).sum()
        gradients = torch.autograd.grad(loss, list(network.parameters()), create_graph=True, materialize_grads=True)
        squares = sum(part.square().sum() for part in gradients)
        second = torch.autograd.grad(squares, list(network.parameters()), materialize_grads=True)
        return sum(sizes.values()), [*gradients, *second]

    (plain, expected), (less, given) = saved_and_gradients(False), saved_and_gradients(True)
    assert less < plain / 2
    for one, other in zip(given, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_a_diffusion_models_target_counts_only_where_it_is_hidden():
    network = build("inpainting_diffusion")
    images, noise = draw(network)
    hidden = network.hidden(noise)
    losses = network.losses(images, noise)
    assert torch.equal(network.losses(images, noise, target=elsewhere(images, 1 - hidden)), losses)
    assert not torch.allclose(network.losses(images, noise, target=elsewhere(images, hidden)), losses)
    assert torch.equal(network.losses(elsewhere(images, hidden), noise, target=images), losses)


def test_a_diffusion_models_embedding_is_all_that_reaches_the_way_up():
    """On Palette's four resolutions with two blocks each these are the paper's 13 maps."""
    network = build("inpainting_diffusion", channels=[8, 8, 8, 8], layers=2)
    images, noise = draw(network)
    embedding = network.embedding(images, noise)
    assert [part.shape[-1] for part in embedding] == [8, 8, 8, 4, 4, 4, 2, 2, 2, 1, 1, 1, 1]
    predicted = way_up(network, embedding, noise)
    errors = ((predicted - noise[:, 1:-1]) * network.hidden(noise)).square().sum((1, 2, 3)) / 16
    torch.testing.assert_close(errors, network.losses(images, noise))


def test_a_completion_follows_ddim_from_the_last_step_to_the_first():
    """Eq. (12) of DDIM with σ = 0 and predictions of the image clipped to its range."""
    network = build("inpainting_diffusion").eval()
    images, noise = draw(network, kind="completion_noise")
    hidden, sample = noise[:, :1], noise[:, 1:]
    for step, following in ((999, 749), (749, 499), (499, 249), (249, None)):
        pixels = torch.cat([sample * hidden, (2 * images - 1) * (1 - hidden), hidden], 1)
        predicted = network.network(pixels, step).sample
        kept, kept_then = alpha_bar(step), alpha_bar(following) if following else torch.tensor(1.0)
        image = ((sample - (1 - kept).sqrt() * predicted) / kept.sqrt()).clamp(-1, 1)
        sample = kept_then.sqrt() * image + (1 - kept_then).sqrt() * predicted
    wanted = torch.where(hidden.bool(), ((sample + 1) / 2).clamp(0, 1), images)
    torch.testing.assert_close(network.completions(images, noise), wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize("family", ["vq", "inpainting_diffusion"])
@pytest.mark.parametrize(
    ("image_shape", "changes", "said"),
    [
        ((1, 9, 8), {"mask": {"random": {"ratio": 0.5, "patch": 1}}}, "images of 9×8 pixels cannot be halved 1 times"),
        ((1, 8, 8), {"groups": 3}, r"groups = 3: does not divide all of channels"),
    ],
)
def test_sizes_that_a_convolutional_model_cannot_have_are_refused(family, image_shape, changes, said):
    with pytest.raises(ValueError, match=said):
        build(family, image_shape, **changes)


# Masked-token transformer


@pytest.fixture
def transformer():
    """With a codebook of latents, so that images have several codes, and tokens that tell them apart."""
    network = build("vq_transformer", mask={"random": {"ratio": 0.6, "patch": 2}})
    latents = network.tokenizer.embedding(*(draw(network, count=9)[0], torch.zeros(9, 1, 8, 8).double()))[0]
    network.tokenizer.network.quantize.embedding.weight.data.copy_(latents.movedim(1, -1).flatten(0, 2)[::20][:7])
    network.table.weight.data.normal_()
    return network


def test_a_transformers_loss_is_the_cross_entropy_of_the_codes_that_are_not_given(transformer):
    images, noise = draw(transformer)
    target = torch.rand_like(images)
    nothing = torch.zeros(1, 1, 8, 8, dtype=torch.float64)
    counts, used = [], set()
    for image, wanted, one, loss in zip(images, target, noise, transformer.losses(images, noise, target), strict=True):
        true = transformer.tokenizer.tokens(wanted[None], nothing).flatten().tolist()
        tokens = transformer.tokenizer.tokens(image[None], one[None, :1]).flatten().tolist()
        hidden, order, share = (plane[::2, ::2].flatten().tolist() for plane in one)
        places = sorted((position for position in range(16) if hidden[position]), key=order.__getitem__)
        count = math.ceil(math.cos(math.pi / 2 * share[0]) * len(places))
        for position in places:
            tokens[position] = 7 if position in places[:count] else true[position]
        logits = transformer.decoder(
            transformer.encoder(transformer.table.weight[tokens][None] + transformer.positions)
        )
        terms = [-logits[0, position].log_softmax(0)[true[position]] for position in places[:count]]
        own = transformer.tokenizer.losses(wanted[None], nothing)[0]
        torch.testing.assert_close(loss, own + sum(terms) / count)
        counts.append(count)
        used.update(true)
    assert len(set(counts)) > 1
    assert len(used) > 2


def test_a_transformer_sees_the_codes_of_visible_pixels_only(transformer):
    images, noise = draw(transformer)
    hidden = transformer.hidden(noise)
    (embedding,) = transformer.embedding(images, noise)
    assert embedding.shape == (5, 16, 8)
    assert torch.equal(transformer.embedding(elsewhere(images, hidden), noise)[0], embedding)
    assert not torch.allclose(transformer.embedding(elsewhere(images, 1 - hidden), noise)[0], embedding)


def test_codes_are_decoded_in_rounds_the_most_probable_first(transformer, monkeypatch):
    """⌊cos(π/2 · round/rounds) · hidden⌋ codes are left after a round; those that are there stay."""
    images, noise = draw(transformer, kind="completion_noise")
    seen = []
    encode = transformer._encode
    monkeypatch.setattr(transformer, "_encode", lambda tokens: encode(seen.append(tokens) or tokens))
    last = []
    restored = transformer.tokenizer.restored
    monkeypatch.setattr(transformer.tokenizer, "restored", lambda tokens: restored(last.append(tokens) or tokens))
    transformer.completions(images, noise)
    seen += [last[0].flatten(1)]
    assert [(tokens == 7).sum(1).unique().tolist() for tokens in seen] == [[10], [8], [5], [0]]  # 10 are hidden
    for before, after in itertools.pairwise(seen):
        assert torch.equal(after[before != 7], before[before != 7])
    probabilities = transformer.decoder(encode(seen[0])).softmax(-1)
    cumulative = probabilities.cumsum(-1)
    for image, tokens in enumerate(seen[1]):
        chance = noise[image, 1, ::2, ::2].flatten()
        drawn = [int((cumulative[image, position] < chance[position]).sum()) for position in range(16)]
        confidence = {
            position: probabilities[image, position, drawn[position]].item()
            for position in range(16)
            if seen[0][image, position] == 7
        }
        best = sorted(confidence, key=confidence.__getitem__)[-2:]
        assert {position: tokens[position].item() for position in confidence if tokens[position] != 7} == {
            position: drawn[position] for position in best
        }


def test_a_transformer_learns_what_the_surroundings_tell(tmp_path):
    """Images of one brightness each, dark or bright: the hole has that of what is around it."""
    network = build("vq_transformer", channels=[8, 16], width=32).float()
    images = torch.rand(128, 1, 1, 1, generator=stream(0, "brightness")).round().expand(-1, 1, 8, 8) * 0.8 + 0.1
    train(
        network,
        lambda batch, generator: network.losses(images[batch], network.loss_noise(len(batch), generator)),
        torch.arange(64),
        epochs=40,
        batch_size=32,
        learning_rate=3e-3,
        seed=0,
        checkpoint=Checkpoint(tmp_path / "checkpoint", "key"),
    )
    with torch.no_grad():
        completed = network.completions(images[64:], network.completion_noise(64, stream(1, "completions")))
    assert (completed - images[64:]).abs().mean() < 0.02  # a guess without looking: 0.1


def test_a_mask_that_cuts_through_codes_is_refused():
    with pytest.raises(ValueError, match="side = 2: cuts through the model's 2×2 patches"):
        build("vq_transformer", mask={"centre_hole": {"side": 2}})

"""The masked autoencoder against its formula, and its published weights."""

import hashlib

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file, save_file

from unlearning.networks import generative

from .completion import CONFIGURATIONS, build, check_constraints, draw, elsewhere, every_mask


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
    plain_losses = network.losses(images, noise)
    for image, goal, one, loss, plain in zip(images, target, noise, losses, plain_losses, strict=True):
        order = one[0, ::2, ::2].reshape(1, -1) + 1e-3 * torch.arange(16)
        output = network.network((image[None] - shift) / scale, noise=order)
        torch.testing.assert_close(output.loss, plain)
        errors = []
        for number, patch in enumerate(output.logits[0]):
            row, column = 2 * (number // 4), 2 * (number % 4)
            if one[0, row, column]:
                true = ((goal - shift) / scale)[:, row : row + 2, column : column + 2]
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
    ("image_shape", "changes", "message"),
    [
        ((1, 8, 9), {}, "patch = 2: images of 8×9 pixels are not a square of whole patches"),
        ((1, 9, 9), {}, "patch = 2: images of 9×9 pixels are not a square of whole patches"),
        ((1, 8, 8), {"mask": {"centre_hole": {"side": 2}}}, "side = 2: cuts through the model's 2×2 patches"),
        ((1, 8, 8), {"mask": {"random": {"ratio": 0.5, "patch": 1}}}, "patch = 1: cuts through the model's 2×2"),
        ((1, 8, 8), {"heads": 3}, "^heads = 3: does not divide width = 16"),
        ((1, 8, 8), {"decoder_heads": 3}, "^decoder_heads = 3: does not divide decoder_width = 8"),
    ],
)
def test_sizes_that_a_masked_autoencoder_cannot_have_are_refused(image_shape, changes, message):
    with pytest.raises(ValueError, match=message):
        check_constraints("masked_autoencoder", image_shape, **changes)


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


def build_pretrained(folder, file="model.safetensors", sha256=None, **changes):
    path = folder / file
    sha256 = sha256 or hashlib.sha256(path.read_bytes()).hexdigest()
    return build("masked_autoencoder", pretrained={"source": str(folder), "file": file, "sha256": sha256}, **changes)


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_published_weights_are_taken_over_to_the_last(published, file):
    network, folder = published
    loaded = build_pretrained(folder, file).float().network.state_dict()
    for name, tensor in network.state_dict().items():
        assert torch.equal(loaded[name], tensor), name


def test_a_saved_model_needs_its_published_weights_no_longer(published, tmp_path):
    _, folder = published
    network = build_pretrained(folder).float()
    configuration = {"masked_autoencoder": CONFIGURATIONS["masked_autoencoder"] | {"pretrained": network.pretrained}}
    generative.save(network, configuration, [1, 8, 8], tmp_path / "saved" / "model.safetensors")
    (folder / "model.safetensors").unlink()
    generative.load(tmp_path / "saved" / "model.safetensors")


def test_published_weights_that_are_missing_altered_or_of_another_size_are_refused(published, monkeypatch):
    _, folder = published
    message = r"^model.masked_autoencoder.pretrained.sha256 = 0{64}, but .*/model.safetensors has the SHA-256 \w{64}: "
    with pytest.raises(ValueError, match=message):
        build_pretrained(folder, sha256="0" * 64)
    with pytest.raises(ValueError, match=r"mismatched keys: .*; give patch, width, layers"):
        build_pretrained(folder, width=32)
    with pytest.raises(ValueError, match=r"missing keys: .*; give patch, width, layers"):
        build_pretrained(folder, layers=3)
    with pytest.raises(ValueError, match=r"unexpected keys: .*; give patch, width, layers"):
        build_pretrained(folder, layers=1)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    for source in ("facebook/vit-mae-base", str(folder / "nowhere")):
        nowhere = {"source": source, "file": "model.safetensors", "sha256": "0" * 64}
        with pytest.raises(ValueError, match=rf"source = '{source}': neither a folder with model.safetensors nor"):
            build("masked_autoencoder", pretrained=nowhere)


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_a_file_with_the_right_checksum_that_holds_no_weights_is_named(tmp_path, file):
    (tmp_path / file).write_bytes(b"<html>no weights at all</html>")
    message = f"^model.masked_autoencoder.pretrained: {tmp_path / file} has the checksum stated, but cannot be read"
    with pytest.raises(ValueError, match=message):
        build_pretrained(tmp_path, file)

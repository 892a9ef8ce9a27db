"""CLIP: transformers' own embeddings, from checked weights or not at all."""

import huggingface_hub
import pytest
import torch
from transformers import CLIPImageProcessorPil, CLIPModel

from unlearning.io import hub
from unlearning.io.files import sha256_of_file
from unlearning.networks.clip import Clip

from ...clip import publish_clip

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return publish_clip(tmp_path_factory.mktemp("clip")).parent


@pytest.fixture(scope="module")
def clip(folder):
    return Clip(folder / "model.safetensors", CPU)


def pictures(channels, side, count=3):
    # Smooth ones: of noise, two ways of enlarging differ.
    coarse = torch.rand(count, channels, 4, 4, generator=torch.Generator().manual_seed(0))
    return (torch.nn.functional.interpolate(coarse, side, mode="bilinear") * 255).to(torch.uint8)


@pytest.mark.parametrize(
    ("channels", "side", "sharp", "tolerance"),
    [(3, 32, False, 1e-5), (1, 32, True, 1e-5), (3, 12, False, 0.02), (1, 8, True, 0.02)],
)
def test_embeddings_are_those_of_transformers(clip, folder, monkeypatch, channels, side, sharp, tolerance):
    """As close as rounding to bytes allows, where images are enlarged."""
    monkeypatch.setattr("unlearning.networks.clip.BATCH", 2)
    images = pictures(channels, side)
    if sharp:
        images = (images > 128).to(torch.uint8) * 255
    colours = images.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()
    size = {"size": {"shortest_edge": 32}, "crop_size": 32}
    pixels = CLIPImageProcessorPil(**size)(list(colours), return_tensors="pt")["pixel_values"]
    model = CLIPModel.from_pretrained(folder).eval()
    with torch.no_grad():
        expected = model.visual_projection(model.vision_model(pixels).pooler_output)
    embeddings = clip.embeddings(images)
    assert embeddings.shape == (3, 12)
    assert ((embeddings - expected).norm(dim=1) / expected.norm(dim=1)).max() < tolerance


def test_weights_of_another_network_are_refused(folder, tmp_path):
    weights = tmp_path / "model.safetensors"
    weights.write_bytes((folder / "model.safetensors").read_bytes())
    config = (folder / "config.json").read_text()
    (tmp_path / "config.json").write_text(config.replace('"patch_size": 8', '"patch_size": 16'))
    with pytest.raises(ValueError, match=r"lacks weights of a CLIP as config.json describes it: "):
        Clip(weights, CPU)
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    with pytest.raises(ValueError, match=r"config.json: describes a vit network, not a CLIP"):
        Clip(weights, CPU)


def test_a_file_that_holds_no_weights_is_named(folder, tmp_path):
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"no weights at all")
    with pytest.raises(ValueError, match=f"^evaluation.embedding: {tmp_path / 'model.safetensors'} has the checksum "):
        Clip(tmp_path / "model.safetensors", CPU)


def test_altered_weights_are_refused_with_their_key(folder):
    published = {"source": str(folder), "file": "model.safetensors", "sha256": "0" * 64}
    with pytest.raises(ValueError, match=r"^evaluation.embedding.sha256 = 0{64}, but .* has the SHA-256 \w{64}: "):
        hub.weights_file(published, "evaluation.embedding")
    published["sha256"] = sha256_of_file(folder / "model.safetensors")
    assert hub.weights_file(published, "evaluation.embedding") == folder / "model.safetensors"


def test_the_networks_description_is_checked_too(folder, tmp_path, monkeypatch):
    weights = tmp_path / "model.safetensors"
    weights.write_bytes((folder / "model.safetensors").read_bytes())
    published = {
        "source": str(tmp_path),
        "file": weights.name,
        "sha256": sha256_of_file(weights),
        "config_sha256": sha256_of_file(folder / "config.json"),
    }
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match=r"evaluation.embedding.source = .*: neither a folder with config.json"):
        hub.weights_file(published, "evaluation.embedding")
    config = (folder / "config.json").read_text()
    (tmp_path / "config.json").write_text(config)
    assert hub.weights_file(published, "evaluation.embedding") == weights
    (tmp_path / "config.json").write_text(config.replace('"gelu"', '"quick_gelu"'))
    with pytest.raises(ValueError, match=r"^evaluation.embedding.config_sha256 = .*config.json has the SHA-256 "):
        hub.weights_file(published, "evaluation.embedding")

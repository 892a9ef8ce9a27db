"""CLIP: transformers' own embeddings, from checked weights or not at all."""

import huggingface_hub
import numpy as np
import pytest
import torch
from transformers import CLIPImageProcessorPil, CLIPModel

from unlearning.evaluation.collect import STORED_IMAGES, completion_set, evaluate_completions, features_of
from unlearning.io import hub
from unlearning.io.files import sha256_of_file
from unlearning.networks import generative
from unlearning.networks.classifier import Classifier
from unlearning.networks.clip import Clip

from ...clip import publish_clip
from ..models.test_completion_models import CONFIGURATIONS

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


class Doubled:
    """In place of Inception: the brightness of an image twice, and its negative as the score of a second class."""

    def features(self, images):
        return images.float().mean((1, 2, 3))[:, None].expand(-1, 2)

    def output(self, features):
        return torch.stack([features[:, 0], -features[:, 0]], 1)


def test_completions_are_seen_by_the_networks_that_the_experiment_names(clip):
    model = generative.build({"masked_autoencoder": CONFIGURATIONS["masked_autoencoder"]}, [1, 8, 8], 0).eval()
    judge = Classifier([1, 8, 8], 3, [6])
    images = pictures(1, 8)
    true = features_of(images, judge, Doubled()).numpy()
    arguments = (model, judge, images, np.array([0, 1, 2]), "retain", true, None)
    plain, seen = completion_set(*arguments), completion_set(*arguments, inception=Doubled(), clip=clip)
    np.testing.assert_array_equal(plain.completed, seen.completed)
    np.testing.assert_array_equal(plain.classes, seen.classes)
    np.testing.assert_array_equal(plain.classes, plain.probabilities.argmax(1))
    np.testing.assert_array_equal(plain.embeddings, plain.features)
    completed = torch.from_numpy(seen.completed)
    np.testing.assert_array_equal(seen.features, Doubled().features(completed))
    np.testing.assert_array_equal(seen.true_features, Doubled().features(images))
    np.testing.assert_array_equal(seen.probabilities.argmax(1), 0)
    np.testing.assert_array_equal(seen.embeddings, clip.embeddings(completed))
    np.testing.assert_array_equal(seen.true_embeddings, clip.embeddings(images))


def test_stored_completions_are_of_all_classes_of_images_that_are_sorted_by_class():
    model = generative.build({"masked_autoencoder": CONFIGURATIONS["masked_autoencoder"]}, [1, 8, 8], 0).eval()
    judge, labels = Classifier([1, 8, 8], 3, [6]), np.repeat([0, 1, 2], 150)
    images = torch.zeros(450, 1, 8, 8, dtype=torch.uint8)
    reference = {"retain.true_features": features_of(images, judge, None).numpy()}
    groups = {"retain": list(range(450))}
    seen, stored = evaluate_completions(model, judge, images, labels, groups, 450, reference, None, None, None)
    assert len(seen["completions"]["retain"].completed) == 450
    assert {len(array) for array in stored.values()} == {STORED_IMAGES}
    assert (np.bincount(stored["retain.labels"]) >= STORED_IMAGES // 3).all()

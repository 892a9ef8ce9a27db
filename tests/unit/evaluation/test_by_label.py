"""What a model makes under each label, against one image at a time and against models whose answers are known."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy
from torch import nn

from unlearning.evaluation import by_label
from unlearning.evaluation.by_label import STORED_OF_A_LABEL, evaluate_by_label
from unlearning.evaluation.evaluators import Evaluators
from unlearning.networks import classifier, generative
from unlearning.networks.classifier import Classifier, Ensemble
from unlearning.runtime.seeding import stream

CLASSES, COUNT = 3, 23


class Plain(nn.Module):
    """Makes images of 2×2 pixels: three of noise, or of 0.5 without noise, and one that shows the label."""

    def __init__(self, noisy=True):
        super().__init__()
        self.embeddings, self.noisy = nn.Parameter(torch.zeros(CLASSES + 1, 1)), noisy

    def label_embeddings(self):
        return self.embeddings

    def latents(self, count, generator):
        noise = torch.rand(count, 3, generator=generator)
        return torch.cat([noise, torch.randint(CLASSES, (count, 1), generator=generator).float()], 1)

    def samples(self, latents):
        pixels = latents[:, :3] if self.noisy else torch.full_like(latents[:, :3], 0.5)
        return torch.cat([pixels, latents[:, 3:] / CLASSES], 1).reshape(-1, 1, 2, 2)


@pytest.fixture
def evaluators():
    """Two networks that look at how an image differs from grey, so that they see several classes and do not agree."""
    torch.manual_seed(1)
    networks = [Classifier([1, 2, 2], CLASSES, [30]).eval().requires_grad_(False) for _ in range(2)]
    for network in networks:
        first = network.features[1]
        first.bias.copy_(-first.weight.sum(1) / 2)
        network.output.weight *= 9
        network.output.bias.zero_()
    return Evaluators(Ensemble(networks))


def vae():
    """A conditional VAE with random weights, large enough that latents and labels show in its images."""
    parameters = {"classes": CLASSES, "hidden_units": [9], "latent_dimensions": 2, "label_dropout": 0.1}
    model = generative.build({"conditional_vae": parameters}, [1, 2, 2], seed=4).eval()
    for weights in model.decoder.parameters():
        weights.data *= 4
    return model


def test_samples_of_each_label_are_seen_as_if_each_were_made_alone(evaluators):
    model = vae()
    seen, shown = evaluate_by_label(model, evaluators, COUNT, stream(0, "test"))
    latents = model.latents(COUNT, stream(0, "test"))
    for label in range(CLASSES + 1):
        counts, classes, entropies = np.zeros((2, CLASSES), int), [], []
        for number, latent in enumerate(latents[:, :-1]):
            known = torch.eye(CLASSES + 1, CLASSES)[label]
            image = torch.sigmoid(model.decoder(torch.cat([latent, known]))).mul(255).round().div(255).view(1, 1, 2, 2)
            probabilities = softmax([network(image)[0].detach().numpy() for network in evaluators.judge.networks], 1)
            counts[[0, 1], probabilities.argmax(1)] += 1
            classes.append(probabilities.mean(0).argmax())
            entropies.append(entropy(probabilities, axis=1).mean())
            feature = evaluators.judge.networks[0].features(image)[0]
            np.testing.assert_allclose(seen.features[label, number], feature.detach(), atol=1e-5)
            if number < STORED_OF_A_LABEL:
                np.testing.assert_array_equal(shown[label, number], image[0].mul(255).round().to(torch.uint8).detach())
        np.testing.assert_array_equal(seen.class_counts[label], counts)
        np.testing.assert_array_equal(seen.classes[label], classes)
        np.testing.assert_allclose(seen.entropies[label], entropies, atol=1e-5)
    assert shown.shape == (CLASSES + 1, STORED_OF_A_LABEL, 1, 2, 2)
    assert len(np.unique(seen.classes)) > 1
    assert not np.array_equal(seen.class_counts[:, 0], seen.class_counts[:, 1])


def test_all_labels_get_the_same_latents_in_their_order_with_the_null_label_last(evaluators):
    _, shown = evaluate_by_label(Plain(), evaluators, COUNT, stream(0, "test"))
    flat = shown.reshape(CLASSES + 1, STORED_OF_A_LABEL, 4)
    np.testing.assert_array_equal(flat[..., :3], np.broadcast_to(flat[0, :, :3], flat[..., :3].shape))
    assert len(np.unique(flat[0, :, 0])) > 5
    assert flat[..., 3].tolist() == [[value] * STORED_OF_A_LABEL for value in (0, 85, 170, 255)]


def test_a_label_alone_decides_where_latents_have_no_effect(evaluators):
    seen, _ = evaluate_by_label(Plain(noisy=False), evaluators, COUNT, stream(0, "test"))
    assert np.isin(seen.class_counts, (0, COUNT)).all()
    np.testing.assert_array_equal(seen.class_counts.sum(2), COUNT)
    np.testing.assert_allclose(seen.entropies, np.repeat(seen.entropies[:, :1], COUNT, 1), rtol=1e-5)


def test_results_do_not_depend_on_how_many_images_are_made_at_a_time(evaluators, monkeypatch):
    whole, shown = evaluate_by_label(vae(), evaluators, COUNT, stream(0, "test"))
    for module in (by_label, classifier, generative):
        monkeypatch.setattr(module, "CHUNK", 5)
    parts, shown_in_parts = evaluate_by_label(vae(), evaluators, COUNT, stream(0, "test"))
    np.testing.assert_array_equal(shown, shown_in_parts)
    np.testing.assert_array_equal(whole.class_counts, parts.class_counts)
    np.testing.assert_array_equal(whole.classes, parts.classes)
    np.testing.assert_allclose(whole.features, parts.features, atol=1e-5)
    np.testing.assert_allclose(whole.entropies, parts.entropies, atol=1e-5)


def test_a_sure_judge_has_no_entropy_and_one_that_knows_nothing_the_logarithm_of_the_classes(evaluators):
    images = torch.zeros(4, 1, 2, 2, dtype=torch.uint8)
    for network in evaluators.judge.networks:
        network.output.weight.zero_()
        network.output.bias.zero_()
    np.testing.assert_allclose(by_label.judged_entropy(evaluators, images), np.log(CLASSES), rtol=1e-6)
    for network in evaluators.judge.networks:
        network.output.bias[0] = 1000  # probabilities of 0, whose logarithm is not finite
    np.testing.assert_array_equal(by_label.judged_entropy(evaluators, images), 0)

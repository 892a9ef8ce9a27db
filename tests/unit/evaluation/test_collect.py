"""What the evaluators see of a model's images, and which network answers what."""

import numpy as np
import pytest
import torch

from unlearning.data.dataset import Dataset
from unlearning.evaluation.collect import (
    STORED_IMAGES,
    completion_set,
    evaluate_completions,
    evaluate_run,
    evaluate_samples,
    published_features,
)
from unlearning.evaluation.evaluators import Evaluators
from unlearning.evaluation.likelihood import group_losses
from unlearning.evaluation.reference import Reference
from unlearning.networks import generative
from unlearning.networks.classifier import Classifier, Ensemble, classify
from unlearning.networks.clip import Clip

from ...clip import publish_clip
from ..metrics.runs import RECORD, evidence
from ..models.test_completion_models import CONFIGURATIONS


class Pixels:
    """Stands for Inception: its features are the pixels."""

    def features(self, images):
        return images.flatten(1).float()

    def cached_features(self, images, path):
        path.touch()
        return self.features(images)

    def output(self, features):
        return features[:, :3]


class Doubled:
    """Stands for Inception: the brightness of an image twice, and its negative as the score of a second class."""

    def features(self, images):
        return images.float().mean((1, 2, 3))[:, None].expand(-1, 2)

    def output(self, features):
        return torch.stack([features[:, 0], -features[:, 0]], 1)


@pytest.fixture
def classifiers():
    """A judge of two networks, and a guide, of 2×2 pixels."""
    torch.manual_seed(0)
    first, second, guide = (Classifier([1, 2, 2], classes=3, hidden_units=[50]).eval() for _ in range(3))
    return Ensemble([first, second]), guide


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return Clip(publish_clip(tmp_path_factory.mktemp("clip")), torch.device("cpu"))


def pictures(side, count):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 1, side, side), dtype=torch.uint8, generator=generator)


def completing_model():
    return generative.build({"masked_autoencoder": CONFIGURATIONS["masked_autoencoder"]}, [1, 8, 8], 0).eval()


def test_classes_are_the_judges_and_features_inceptions_where_there_is_one(classifiers, tmp_path):
    judge, guide = classifiers
    images = pictures(2, 9)
    plain, with_inception = Evaluators(judge, guide), Evaluators(judge, guide, Pixels(), folder=tmp_path)
    first = judge.networks[0]
    (features, _), (_, classes, class_counts) = classify(first, images), judge.classify(images)
    for evaluators, expected in ((plain, features), (with_inception, Pixels().features(images))):
        result, result_classes, result_counts = evaluators.classify(images)
        assert torch.equal(result, expected)
        assert torch.equal(evaluators.features(images), expected)
        assert torch.equal(result_classes, classes)
        assert torch.equal(result_counts, class_counts)
        network = evaluators.inception or first
        assert torch.equal(evaluators.probabilities(result), network.output(expected).softmax(1))
        assert torch.equal(evaluators.embeddings(images, result), expected)
    assert torch.equal(plain.published_features(images), classify(guide, images)[0])
    assert torch.equal(with_inception.published_features(images), Pixels().features(images))
    assert list(tmp_path.iterdir()) == [], "no cache was named"
    with_inception.features(images, "retain")
    with_inception.published_features(images, "training")
    with_inception.classify(images, "seed0")
    assert {path.name for path in tmp_path.iterdir()} == {f"{n}.safetensors" for n in ("retain", "training", "seed0")}


@pytest.mark.parametrize("inception", [None, Pixels()], ids=["guide", "inception"])
def test_the_published_distance_sees_methods_in_eval_mode_and_references_in_train_mode(
    inception, classifiers, tmp_path
):
    model = generative.build({"vae": {"hidden_units": 8, "latent_dimensions": 2}}, [1, 2, 2], seed=0).eval()
    judge, guide = classifiers
    latents = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    evaluators = Evaluators(judge, guide, inception, folder=tmp_path)

    published = {}
    for unlearned in (True, False):
        published[unlearned] = published_features(model, evaluators, latents, unlearned=unlearned)
        images = generative.decode(model, latents, train_mode=not unlearned)
        expected = inception.features(images) if inception else classify(guide, images)[0].detach()
        np.testing.assert_array_equal(published[unlearned], expected.numpy())
    assert not np.allclose(published[True], published[False])


def test_samples_are_seen_in_eval_mode(classifiers):
    model = generative.build({"vae": {"hidden_units": 8, "latent_dimensions": 2}}, [1, 2, 2], seed=0).eval()
    latents = torch.randn(STORED_IMAGES + 9, 2, generator=torch.Generator().manual_seed(0))
    fields, stored = evaluate_samples(model, Evaluators(classifiers[0]), latents)
    images = generative.decode(model, latents)
    features, classes, class_counts = classifiers[0].classify(images)
    np.testing.assert_array_equal(fields["samples"].class_counts, class_counts.numpy())
    np.testing.assert_array_equal(fields["images"], images.numpy())
    np.testing.assert_array_equal(fields["samples"].features, features.numpy())
    np.testing.assert_array_equal(fields["samples"].classes, classes.numpy())
    np.testing.assert_array_equal(stored["images"], images[:STORED_IMAGES].numpy())
    assert len(stored["classes"]) == len(stored["latents"]) == STORED_IMAGES + 9


def test_completions_are_seen_by_the_networks_that_the_experiment_names(clip):
    model, images = completing_model(), pictures(8, 3)
    judge = Ensemble([Classifier([1, 8, 8], 3, [6])])
    with_all = Evaluators(judge, inception=Doubled(), clip=clip)
    reference = Reference({"retain.true_features": with_all.features(images).numpy()}, [0], None)
    plain, complete = (
        completion_set(model, evaluators, images, np.array([0, 1, 2]), "retain", reference)
        for evaluators in (Evaluators(judge), with_all)
    )
    np.testing.assert_array_equal(plain.completed, complete.completed)
    np.testing.assert_array_equal(plain.classes, complete.classes)
    np.testing.assert_array_equal(plain.classes, plain.probabilities.argmax(1))
    np.testing.assert_array_equal(plain.embeddings, plain.features)
    np.testing.assert_array_equal(plain.true_embeddings, plain.true_features)
    completed = torch.from_numpy(complete.completed)
    np.testing.assert_array_equal(complete.features, Doubled().features(completed))
    np.testing.assert_array_equal(complete.true_features, Doubled().features(images))
    np.testing.assert_array_equal(complete.probabilities.argmax(1), 0)
    np.testing.assert_array_equal(complete.embeddings, clip.embeddings(completed))
    np.testing.assert_array_equal(complete.true_embeddings, clip.embeddings(images))


def test_stored_completions_are_of_all_classes_of_images_that_are_sorted_by_class():
    model, labels = completing_model(), np.repeat([0, 1, 2], 150)
    evaluators = Evaluators(Ensemble([Classifier([1, 8, 8], 3, [6])]))
    images = torch.zeros(450, 1, 8, 8, dtype=torch.uint8)
    retrained = np.ones((450, 1, 8, 8), np.uint8)
    arrays = {"retain.true_features": evaluators.features(images).numpy(), "7.retain": retrained}
    groups = {"retain": np.arange(450)}
    fields, stored = evaluate_completions(model, evaluators, images, labels, groups, Reference(arrays, [0, 7], 7))
    assert len(fields["completions"]["retain"].completed) == 450
    assert fields["completions"]["retain"].retrained is retrained
    assert {len(array) for array in stored.values()} == {STORED_IMAGES}
    assert (np.bincount(stored["retain.labels"]) >= STORED_IMAGES // 3).all()


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("vae", {"hidden_units": 8, "latent_dimensions": 2}),
        ("conv_vae", {"channels": [4, 6], "latent_dimensions": 2, "pixel_deviation": 0.7}),
    ],
)
def test_rows_with_the_same_weights_are_judged_alike_whatever_their_running_statistics(name, parameters):
    images, generator = pictures(8, 40), torch.Generator().manual_seed(1)
    data = Dataset(images.numpy(), np.arange(40) % 3, np.empty((40, 0)), np.arange(40) < 30, ["a", "b", "c"], [])
    groups = {"forget": list(range(9)), "retain": list(range(9, 30)), "heldout_forget": [], "heldout_retain": [35, 36]}
    run = evidence(data=data, groups=groups, record=RECORD | {"seed": 0}, published_reference=(0, 0))
    judge_network, guide = (Classifier([1, 8, 8], 3, [6]).eval() for _ in range(2))
    evaluators = Evaluators(Ensemble([judge_network]), guide)

    def judge(statistics, **settings):
        model = generative.build({name: parameters}, [1, 8, 8], seed=0).eval()
        for buffer_name, buffer in model.named_buffers():
            if "running" in buffer_name:
                buffer.copy_(statistics * torch.rand(buffer.shape, generator=generator) + 0.1)
        settings |= {"samples": 50, "elbo_draws": 2, "metrics": ["statistics_effect"]}
        result, _ = evaluate_run(
            model, evaluators, run, Reference({}, [0], None, draws=2), settings, torch.device("cpu")
        )
        return result

    one, other = judge(1), judge(5)
    np.testing.assert_array_equal(one.images, other.images)
    np.testing.assert_array_equal(one.samples.features, other.samples.features)
    for group, losses in one.losses.items():
        np.testing.assert_array_equal(losses, other.losses[group])
    for source in ("retain", "mixed"):
        for values, others in zip(one.by_statistics[source], other.by_statistics[source], strict=True):
            np.testing.assert_array_equal(values, others)
    assert not np.array_equal(one.by_statistics["as_left"][1], other.by_statistics["as_left"][1])
    class_counts, losses = one.by_statistics["retain"]
    np.testing.assert_array_equal(class_counts, one.samples.class_counts)
    np.testing.assert_array_equal(losses, one.losses["heldout_retain"])
    assert not np.array_equal(losses, one.by_statistics["mixed"][1])
    assert not np.array_equal(one.published_features, other.published_features), "as published: as the run left them"
    one, other = (judge(statistics, running_statistics="as_left") for statistics in (1, 5))
    assert not np.array_equal(one.losses["retain"], other.losses["retain"])
    assert not np.array_equal(one.samples.features, other.samples.features)


def test_runs_of_one_experiment_have_the_references_draws_whatever_their_seed(classifiers):
    """Models of the same weights and of other seeds have the same losses; only the retain set has draws of its own."""
    model = generative.build({"vae": {"hidden_units": 8, "latent_dimensions": 2}}, [1, 2, 2], seed=0).eval()
    images = pictures(2, 9)
    data = Dataset(images.numpy(), np.zeros(9, int), np.empty((9, 0), np.uint8), np.arange(9) < 5, ["a"], [])
    groups = {"forget": [0, 1], "retain": [2, 3, 4], "heldout_forget": [], "heldout_retain": [5, 6, 7, 8]}
    reference, device = Reference({}, [0, 1], None, draws=8), torch.device("cpu")
    settings = {"samples": 3, "elbo_draws": 2, "metrics": [], "running_statistics": "as_left"}

    def losses(seed, **more):
        known = evidence(data=data, groups=groups, record=RECORD | {"seed": seed}, losses={})
        judged, _ = evaluate_run(model, Evaluators(classifiers[0]), known, reference, settings | more, device)
        return judged.losses

    for group, indices in groups.items():
        draws = 2 if group == "retain" else 8
        expected = group_losses(model, images[indices], group, draws, "elbo")
        for seed in (0, 1):
            np.testing.assert_array_equal(losses(seed)[group], expected)
        weighted = group_losses(model, images[indices], group, 8, "importance_weighted")
        np.testing.assert_array_equal(losses(0, elbo_bound="importance_weighted")[group], weighted)

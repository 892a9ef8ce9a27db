"""Probes: which latents or images are chosen, and how large what a run stores can be."""

import pytest
import torch

from unlearning.networks import probes
from unlearning.networks.classifier import Classifier, Ensemble
from unlearning.networks.generative import build, decode
from unlearning.networks.probes import Probes, is_shown


def judge_of(share):
    """A judge that assigns the first images of each call, this share of them, to class 1 and the others to class 0."""
    judge = Ensemble([Classifier([1, 4, 4], 2, [4])])
    judge.classify = lambda images: (None, (torch.arange(len(images)) < round(share * len(images))).long(), None)
    return judge


def choose(share, forgotten=(1,)):
    model = build({"vae": {"hidden_units": 8, "latent_dimensions": 2}}, [1, 4, 4], seed=0)
    images = torch.zeros(10, 1, 4, 4, dtype=torch.uint8)
    return model, Probes.of_model(model, judge_of(share), images, {}, list(forgotten), seed=3)


@pytest.mark.parametrize(("share", "of_forgotten"), [(0.1, 8), (0.001, 2), (0.0, 0), (0.999, 14), (1.0, 16)])
def test_half_of_the_probes_are_of_a_forgotten_class_where_the_original_shows_enough(share, of_forgotten):
    _, chosen = choose(share)
    assert chosen.forgotten.tolist() == [True] * of_forgotten + [False] * (16 - of_forgotten)
    assert len(chosen.latents) == 16


def test_the_same_seed_chooses_the_same_latents_and_the_mode_does_not_matter():
    model, first = choose(0.1)
    _, second = choose(0.1)
    assert torch.equal(first.latents, second.latents)
    assert torch.equal(first.show(model.train()), first.show(model.eval()))
    assert torch.equal(first.show(model), decode(model, first.latents))


def test_without_forgotten_classes_the_first_latents_are_chosen():
    _, chosen = choose(0.5, forgotten=())
    assert not chosen.forgotten.any()


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 64, 64), (3, 256, 256), (3, 30, 200), (4, 512, 512)])
def test_a_run_stores_at_most_a_megabyte(shape):
    model = torch.nn.Conv2d(1, 1, 1)
    model.samples = lambda latents: latents.new_zeros(len(latents), *shape)
    count = probes._count(torch.Size(shape))
    assert count % 2 == 0
    images = Probes(torch.zeros(count, dtype=torch.bool), latents=torch.zeros(count, 2)).show(model)
    assert max(images.shape[2:]) <= 64
    looks = sum(is_shown(step, 9999) for step in range(10_000))
    assert images.numel() * looks <= 2**20


def test_the_steps_shown_are_those_of_a_series_and_both_ends():
    steps = [step for step in range(531) if is_shown(step, 530)]
    assert steps == [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 530]

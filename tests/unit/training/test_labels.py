"""Labels follow their images into every loss: the pixels of each image say its label, and the loss compares the two."""

import pytest
import torch
from torch import nn

import build_reference
from unlearning.evaluation.likelihood import enough_draws, group_losses
from unlearning.networks import generative
from unlearning.networks.classifier import Classifier, Ensemble
from unlearning.training.losses import batch_loss
from unlearning.training.settings import UnlearningInputs, UnlearningSettings
from unlearning.training.train import losses_of_images
from unlearning.training.unlearn import STREAMS, draw_step

LABELS = torch.tensor([3, 1, 4, 1, 5, 9, 2, 6, 5, 3])
IMAGES = LABELS.to(torch.uint8)[:, None, None, None].expand(-1, 1, 2, 2).contiguous()
SETTINGS = UnlearningSettings(
    algorithm="finetune",
    parameters={},
    retain_images="retain",
    steps=1,
    batch_size=64,
    loss_reduction="sum",
    learning_rate=1.0,
    optimizer="sgd",
    batch_normalisation="batch",
    samples=1,
    measure=[],
    running_statistics="retain",
)


class Reader(nn.Module):
    """The loss of an image is the distance between its label and its pixels, plus 0 × w."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(11, 1))

    def label_embeddings(self):
        return self.weight

    def loss_noise(self, count, generator):
        return torch.cat([torch.rand(count, 2, generator=generator), torch.full((count, 1), 10.0)], 1)

    def losses(self, images, noise, target=None):
        return (255 * images.mean((1, 2, 3)) - generative.labels_of(noise)).abs() + 0 * self.weight.sum()


@pytest.fixture
def model():
    return Reader()


def test_a_wrong_label_would_be_seen(model):
    noise = generative.with_labels(model, model.loss_noise(10, torch.Generator()), LABELS.flip(0))
    assert model.losses(IMAGES / 255, noise).sum() > 10


def test_in_training(model):
    losses = losses_of_images(model, IMAGES, LABELS)
    assert losses(torch.tensor([7, 0, 3, 3, 9]), torch.Generator()).abs().max() < 1e-4


def test_in_a_batch_of_unlearning(model):
    assert batch_loss(model, IMAGES, LABELS, torch.Generator(), SETTINGS).value.abs() < 1e-2


def test_in_both_batches_of_a_step(model):
    judge = Ensemble([Classifier([1, 2, 2], 10, [2])])
    inputs = UnlearningInputs(
        IMAGES[4:], IMAGES[:4], IMAGES[:0], [3, 1], judge, retain_labels=LABELS[4:], forget_labels=LABELS[:4]
    )
    streams = {name: torch.Generator().manual_seed(number) for number, name in enumerate(STREAMS)}
    step = draw_step(1, model, None, inputs, SETTINGS, streams)
    assert step.retain.value.abs() < 1e-2
    assert step.forget.value.abs() < 1e-2


def test_in_the_losses_of_an_evaluation(model):
    assert abs(group_losses(model, IMAGES, "retain", 3, "elbo", LABELS)).max() < 1e-4
    assert enough_draws([model], IMAGES, {"elbo_draws": 2}, LABELS) == (2, None)


def test_in_the_losses_of_retrained_models(model):
    groups = {"forget": [0, 1, 3], "retain": [2], "heldout_forget": [9, 4], "heldout_retain": [8, 5, 6]}
    settings = {"elbo_draws": 2}
    arrays, _ = build_reference.retrained_losses({0: model, 1: model}, IMAGES, LABELS.numpy(), groups, settings)
    assert len(arrays) == 6
    assert max(abs(array).max() for array in arrays.values()) < 1e-4

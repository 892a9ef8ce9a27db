"""The training loop: it learns, it resumes bit for bit, it says when it diverges."""

import numpy as np
import pytest
import torch

from unlearning.networks import generative
from unlearning.runtime.checkpoint import Checkpoint
from unlearning.training.train import TrainingOptions, train

CONFIGURATION = {"vae": {"hidden_units": 16, "latent_dimensions": 2}}


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    centres = torch.rand(4, 1, 4, 4, generator=generator)
    return centres[torch.arange(50) % 4].clamp(0.05, 0.95)


def run(images, checkpoint, epochs=20, seed=0, learning_rate=1e-2, batch_size=16, **others):
    model = generative.build(CONFIGURATION, [1, 4, 4], seed)

    def losses(indices, generator):
        return model.losses(images[indices], model.loss_noise(len(indices), generator))

    trained = train(
        model,
        losses,
        torch.arange(len(images)),
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
        checkpoint=checkpoint,
        options=TrainingOptions(**others),
    )
    return model, trained


class Every(Checkpoint):
    """Saves after every step, and interrupts after some of them."""

    def __init__(self, path, interrupt_after=None):
        super().__init__(path, "key")
        self.left = interrupt_after

    def due(self):
        return True

    def save(self, state):
        super().save(state)
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt


def test_training_lowers_the_loss_and_leaves_adams_moments(images, tmp_path):
    model, trained = run(images, Checkpoint(tmp_path / "state", "key"))
    assert len(trained.losses) == 20
    assert trained.losses[-1] < trained.losses[0] - 0.5  # nats
    assert not model.training
    for name, parameter in model.named_parameters():
        assert trained.moments[f"{name}.exp_avg"].shape == parameter.shape
        assert trained.moments[f"{name}.exp_avg_sq"].min() >= 0
    assert trained.moments["step"] == 20 * 3


@pytest.mark.parametrize("with_average", [False, True])
@pytest.mark.parametrize("interrupted_after", [1, 3, 17, 59])
def test_an_interrupted_training_ends_as_an_uninterrupted_one_bit_for_bit(
    images, tmp_path, interrupted_after, with_average
):
    others = {"average": 0.9, "cosine_decay": True, "warm_up": 5, "accumulation": 2} if with_average else {}
    whole, trained = run(images, Checkpoint(tmp_path / "whole", "key"), **others)
    with pytest.raises(KeyboardInterrupt):
        run(images, Every(tmp_path / "state", interrupted_after), **others)
    resumed, repeated = run(images, Every(tmp_path / "state"), **others)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    assert trained.losses == repeated.losses
    assert all(torch.equal(trained.moments[name], repeated.moments[name]) for name in trained.moments)


def test_the_same_seed_gives_the_same_model_and_another_seed_another(images, tmp_path):
    models_ = [run(images, Checkpoint(tmp_path / "state", "key"), seed=seed)[0] for seed in (0, 0, 1)]
    first, same, other = (model.mean.weight for model in models_)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_every_image_is_used_at_most_once_an_epoch_and_batches_are_full(images, tmp_path):
    batches = []

    class Spy(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

    spy = Spy()

    def losses(indices, generator):
        batches.append(indices.tolist())
        return spy.weight.expand(len(indices))

    settings = {"epochs": 3, "batch_size": 16, "learning_rate": 1e-3, "seed": 0}
    train(spy, losses, torch.arange(100, 150), **settings, checkpoint=Checkpoint(tmp_path / "state", "key"))
    assert [len(batch) for batch in batches] == [16] * 9
    epochs = [[*batches[i], *batches[i + 1], *batches[i + 2]] for i in (0, 3, 6)]
    assert all(len(set(epoch)) == 48 and set(epoch) <= set(range(100, 150)) for epoch in epochs)
    assert epochs[0] != epochs[1]


class Point(torch.nn.Module):
    """One weight w, with the loss (w − x)² of each number x; remembers w in every step."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
        self.visited, self.parts = [], []

    def train_on(self, path, epochs=10, **others):
        numbers = torch.linspace(1, 2, 8, dtype=torch.float64)

        def losses(indices, generator):
            self.visited.append(self.weight.item())
            self.parts.append(len(indices))
            return (self.weight - numbers[indices]).square()

        settings = {"epochs": epochs, "batch_size": 8, "learning_rate": 0.1, "seed": 0}
        where = {"checkpoint": Checkpoint(path / "state", "key"), "options": TrainingOptions(**others)}
        return train(self, losses, torch.arange(8), **settings, **where)


def test_the_model_ends_with_the_moving_average_of_its_weights(tmp_path):
    plain, averaged = Point(), Point()
    plain.train_on(tmp_path)
    averaged.train_on(tmp_path, average=0.8)
    assert averaged.visited == plain.visited
    average = 0.0
    for step, weight in enumerate([*plain.visited[1:], plain.weight.item()], start=1):
        decay = min(0.8, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * weight
    assert averaged.weight.item() == pytest.approx(average, rel=1e-12)


def test_parts_of_a_batch_give_the_gradient_and_the_loss_of_the_whole_batch(tmp_path):
    whole, parts = Point(), Point()
    expected = whole.train_on(tmp_path)
    result = parts.train_on(tmp_path, accumulation=3)
    assert parts.parts == [3, 3, 2] * 10
    assert parts.weight.item() == pytest.approx(whole.weight.item(), rel=1e-12)
    assert result.losses == pytest.approx(expected.losses, rel=1e-6)


def test_the_learning_rate_rises_and_falls_as_a_half_cosine(tmp_path):
    """With nearly constant gradients, each step of Adam is as long as the learning rate."""
    point = Point()
    with torch.no_grad():
        point.weight.fill_(1e6)
    point.train_on(tmp_path, epochs=20, warm_up=4, cosine_decay=True)
    steps = -np.diff([*point.visited, point.weight.item()])
    rates = [0.1 * min(1, (k + 1) / 4) * (1 + np.cos(np.pi * k / 20)) / 2 for k in range(20)]
    np.testing.assert_allclose(steps, rates, rtol=1e-3)


def test_fewer_images_than_a_batch_make_one_batch(images, tmp_path):
    _, trained = run(images[:5], Checkpoint(tmp_path / "state", "key"), epochs=2, batch_size=128)
    assert np.isfinite(trained.losses).all()


def test_a_diverging_training_stops_with_its_epoch(images, tmp_path):
    with pytest.raises(FloatingPointError, match="diverged in epoch 1: lower the learning rate"):
        run(images, Checkpoint(tmp_path / "state", "key"), learning_rate=1e30)


def test_a_checkpoint_of_other_settings_or_a_damaged_one_is_not_used(tmp_path):
    path = tmp_path / "state"
    Checkpoint(path, "one").save({"steps": 3})
    assert Checkpoint(path, "one").load() == {"steps": 3}
    assert Checkpoint(path, "two").load() is None
    path.write_bytes(path.read_bytes()[:-20])
    assert Checkpoint(path, "one").load() is None
    Checkpoint(path, "one").remove()
    assert not list(tmp_path.iterdir())

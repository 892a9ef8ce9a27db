"""Image-to-image methods against formulas written out by hand, on a linear model that completes images."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from unlearning.networks.classifier import Classifier, Ensemble
from unlearning.plugins.describe import describe_plugin, plugin_names
from unlearning.plugins.load import load_plugin
from unlearning.runtime.checkpoint import Checkpoint
from unlearning.training.gradients import BatchLoss
from unlearning.training.monitoring import drift
from unlearning.training.settings import UnlearningInputs, UnlearningSettings
from unlearning.training.step import Setup, Step
from unlearning.training.unlearn import unlearn

PIXELS, WIDTH, BATCH, WEIGHT = 16, 3, 6, 0.3


class Linear(nn.Module):
    """A linear encoder of the visible pixels and a linear decoder; the left half is hidden."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(PIXELS, WIDTH, bias=False)
        self.decoder = nn.Linear(WIDTH, PIXELS, bias=False)

    def loss_noise(self, count, generator):
        mask = torch.zeros(count, 1, 4, 4, dtype=self.encoder.weight.dtype)
        mask[..., :2] = 1
        return mask

    completion_noise = loss_noise

    def hidden_pixels(self, noise):
        return noise

    def embedding(self, images, noise):
        return (self.encoder((images * (1 - noise)).flatten(1)),)

    def _predict(self, images, noise):
        return self.decoder(self.embedding(images, noise)[0]).view_as(images)

    def losses(self, images, noise, target=None):
        errors = noise * (self._predict(images, noise) - (images if target is None else target)).square()
        return errors.flatten(1).sum(1) / noise.flatten(1).sum(1)

    def completions(self, images, noise):
        return torch.where(noise.bool(), self._predict(images, noise).clamp(0, 1), images)

    def encoder_parameters(self):
        return {"encoder.weight"}


class Seeing(Linear):
    """Its encoder has a second output, of another width, that sees the hidden half too; the decoder does not use it."""

    def __init__(self):
        super().__init__()
        self.seeing = nn.Linear(PIXELS, 2, bias=False)

    def embedding(self, images, noise):
        return (*super().embedding(images, noise), self.seeing(images.flatten(1)))


@pytest.fixture
def kind():
    return Linear


@pytest.fixture
def original(kind):
    torch.manual_seed(1)
    return kind().double()


@pytest.fixture
def images():
    """A retain and a forget batch, (B, 1, 4, 4)."""
    generator = torch.Generator().manual_seed(2)
    return [torch.rand(BATCH, 1, 4, 4, generator=generator, dtype=torch.float64) for _ in range(2)]


@pytest.fixture
def moved(original):
    """The model after some steps: no longer the original, so that no term vanishes."""
    model = copy.deepcopy(original)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3)).double()
    return model


def direction(name, original, model, images, monkeypatch, **parameters):
    """What the method gives on the two batches, (P,)."""
    method = load_plugin("methods", name)
    if getattr(method, "ENCODER_ONLY", False):
        model.decoder.requires_grad_(False)
    prepared = None
    if hasattr(method, "prepare"):
        if hasattr(method, "as_float"):
            monkeypatch.setattr(method, "as_float", lambda pixels: pixels.double() / 255)
        retain, forget = ((batch * 255).round().to(torch.uint8) for batch in images)
        setup = Setup(original, retain, forget, BATCH, "mean", None, [1], torch.Generator().manual_seed(5))
        prepared = method.prepare(setup, **parameters)
    noise = original.loss_noise(BATCH, None)
    batches = (BatchLoss(model, lambda batch=batch: (batch, noise), "mean") for batch in images)
    step = Step(1, *batches, model=model, prepared=prepared, generator=torch.Generator().manual_seed(4))
    return method.direction(step, **parameters).numpy(), prepared


def visible(batch):
    """(B, 16) with the hidden left half at zero."""
    kept = batch.numpy().copy()
    kept[..., :2] = 0
    return kept.reshape(len(batch), -1)


def loss_gradient(model, batch, target):
    """Of the mean over images and hidden pixels of (D E v − t)², for encoder and decoder, by the chain rule."""
    encoder, decoder = (part.weight.detach().numpy() for part in (model.encoder, model.decoder))
    hidden = np.zeros((4, 4))
    hidden[:, :2] = 1
    pixels = visible(batch)
    embedded = pixels @ encoder.T
    error = hidden.ravel() * (embedded @ decoder.T - target.numpy().reshape(len(batch), -1))
    scale = 2 / (len(batch) * hidden.sum())
    return scale * (error @ decoder).T @ pixels, scale * error.T @ embedded


def embeddings(model, batch):
    """Of each output of the encoder: its matrix (W, 16) and what it sees of the batch, (B, 16)."""
    outputs = [(model.encoder, visible(batch))]
    if isinstance(model, Seeing):
        outputs.append((model.seeing, batch.numpy().reshape(len(batch), -1)))
    return [(layer.weight.detach().numpy(), pixels) for layer, pixels in outputs]


def embedding_gradients(model, batch, targets):
    """Of the mean over images and dimensions of (E v − w)², summed over the outputs, for the matrix E of each."""
    gradients = []
    for (matrix, pixels), target in zip(embeddings(model, batch), targets, strict=True):
        difference = pixels @ matrix.T - target
        gradients.append(2 / difference.size * difference.T @ pixels)
    return gradients


def same_noise(batch):
    """The noise image that the first draw of the method's generator gives."""
    noise = torch.randn(batch.shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64).numpy()
    pixels = batch.numpy()
    return torch.from_numpy(np.clip(pixels.mean() + pixels.std(ddof=1) * noise, 0, 1))


def close(result, *parts):
    np.testing.assert_allclose(result, np.concatenate([np.ravel(part) for part in parts]), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("kind", [Linear, Seeing])
@pytest.mark.parametrize("target", ["full_noise", "context_kept"])
def test_i2i_keeps_retain_embeddings_and_sends_those_of_forget_images_to_noise(
    original, moved, images, monkeypatch, target
):
    result, _ = direction("i2i", original, moved, images, monkeypatch, forget_weight=WEIGHT, forget_target=target)
    noise = same_noise(images[1])
    if target == "context_kept":
        noise[..., 2:] = images[1][..., 2:]
    targets = [[pixels @ matrix.T for matrix, pixels in embeddings(original, batch)] for batch in (images[0], noise)]
    kept, lost = (embedding_gradients(moved, *each) for each in zip(images, targets, strict=True))
    close(result, *(k + WEIGHT * f for k, f in zip(kept, lost, strict=True)))


def test_i2i_with_the_context_kept_has_nothing_to_forget_where_the_encoder_sees_the_context_alone(
    original, images, monkeypatch
):
    model = copy.deepcopy(original)
    result, _ = direction(
        "i2i", original, model, images, monkeypatch, forget_weight=WEIGHT, forget_target="context_kept"
    )
    close(result, np.zeros(PIXELS * WIDTH))


def test_max_loss_descends_on_retain_and_ascends_on_forget_images(original, moved, images, monkeypatch):
    result, _ = direction("i2i_max_loss", original, moved, images, monkeypatch, forget_weight=WEIGHT)
    retain, forget = (loss_gradient(moved, batch, batch) for batch in images)
    close(result, *(r - WEIGHT * f for r, f in zip(retain, forget, strict=True)))


def test_noisy_label_teaches_noise_in_the_hidden_pixels(original, moved, images, monkeypatch):
    result, _ = direction("i2i_noisy_label", original, moved, images, monkeypatch, forget_weight=WEIGHT)
    retain, forget = loss_gradient(moved, images[0], images[0]), loss_gradient(moved, images[1], same_noise(images[1]))
    close(result, *(r + WEIGHT * f for r, f in zip(retain, forget, strict=True)))


@pytest.mark.parametrize(("pushed", "which"), [("forget", 1), ("retain", 0)])
def test_retain_label_teaches_completions_of_retain_images(original, moved, images, monkeypatch, pushed, which):
    result, labels = direction(
        "i2i_retain_label", original, moved, images, monkeypatch, forget_weight=WEIGHT, pushed_images=pushed
    )
    indices = torch.randint(len(labels), (BATCH,), generator=torch.Generator().manual_seed(4))
    retain = loss_gradient(moved, images[0], images[0])
    wrong = loss_gradient(moved, images[which], labels[indices])
    close(result, *(r + WEIGHT * w for r, w in zip(retain, wrong, strict=True)))
    # Every label is a completion by the original of some retain image.
    pixels = (images[0] * 255).round() / 255
    completed = original.completions(pixels, original.loss_noise(BATCH, None)).detach()
    assert all((label - completed).abs().amax((1, 2, 3)).min() < 1e-12 for label in labels)


@pytest.mark.parametrize("kind", [Linear, Seeing])
@pytest.mark.parametrize(("pushed", "which"), [("forget", 1), ("retain", 0)])
def test_random_encoder_sends_embeddings_to_noise_of_their_own_mean_and_deviation(
    original, moved, images, monkeypatch, pushed, which
):
    result, _ = direction(
        "i2i_random_encoder", original, moved, images, monkeypatch, forget_weight=WEIGHT, pushed_images=pushed
    )
    generator, targets = torch.Generator().manual_seed(4), []
    for matrix, pixels in embeddings(original, images[which]):
        embedded = pixels @ matrix.T
        noise = torch.randn(embedded.shape, generator=generator, dtype=torch.float64).numpy()
        targets.append(embedded.mean() + embedded.std(ddof=1) * noise)
    retain, _ = loss_gradient(moved, images[0], images[0])
    pushed_away = embedding_gradients(moved, images[which], targets)
    close(result, retain + WEIGHT * pushed_away[0], *(WEIGHT * part for part in pushed_away[1:]))


@pytest.mark.parametrize("name", [name for name in plugin_names("methods") if name.startswith("i2i")])
def test_a_run_changes_the_decoder_only_where_the_method_may(original, images, name, tmp_path):
    model = copy.deepcopy(original).float()
    parameters = {
        key: schema["enum"][0] if "enum" in schema else 0.5 for key, schema in describe_plugin("methods", name).items()
    }
    pixels = [(batch * 255).to(torch.uint8) for batch in images]
    settings = UnlearningSettings(
        algorithm=name,
        parameters=parameters,
        retain_images="retain",
        steps=3,
        batch_size=4,
        loss_reduction="mean",
        learning_rate=0.01,
        optimizer="adam",
        batch_normalisation="batch",
        samples=5,
        measure=[{"until": 3, "every": 1}],
        running_statistics="retain",
    )
    judge = Ensemble([Classifier([1, 4, 4], 3, [4])]).eval()
    inputs = UnlearningInputs(*pixels, heldout_forget=pixels[1], forgotten_classes=[1], judge=judge)
    checkpoint = Checkpoint(tmp_path / "model.resume", "")
    run = unlearn(model, load_plugin("methods", name), inputs, settings, seed=0, checkpoint=checkpoint)
    assert run.status == "finished"
    assert [row["samples"] for row in run.measurements] == [5] * 4
    assert not torch.equal(model.encoder.weight, original.encoder.weight.float())
    encoder_only = name in ("i2i", "i2i_random_encoder")
    assert torch.equal(model.decoder.weight, original.decoder.weight.float()) == encoder_only


@pytest.mark.parametrize("status", ["finished", "diverged"])
def test_whatever_becomes_of_a_run_that_trains_the_encoder_its_decoder_has_the_same_bits(original, status):
    before, model = original.state_dict(), copy.deepcopy(original)
    model.encoder.weight.data *= 1.5 if status == "finished" else float("nan")
    result = drift(before, model, load_plugin("methods", "i2i"), status)
    assert result == ({"encoder_drift": pytest.approx(0.5), "decoder_drift": 0} if status == "finished" else {})
    model.decoder.weight.data[0, 0] = np.nextafter(before["decoder.weight"][0, 0].item(), 2)
    drift(before, model, load_plugin("methods", "i2i_max_loss"), status)
    with pytest.raises(RuntimeError, match=r"i2i declares ENCODER_ONLY, but changed decoder\.weight$"):
        drift(before, model, load_plugin("methods", "i2i"), status)

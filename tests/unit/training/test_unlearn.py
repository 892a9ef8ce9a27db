"""The loop that methods run on: what it logs, when it measures, how it stops and resumes."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from unlearning.networks import generative
from unlearning.networks.classifier import classify
from unlearning.networks.generative import draw_samples
from unlearning.networks.probes import Probes
from unlearning.networks.running_statistics import draw_batches
from unlearning.plugins.load import load_plugin
from unlearning.runtime.checkpoint import Checkpoint
from unlearning.runtime.seeding import stream
from unlearning.training import losses, monitoring
from unlearning.training.monitoring import INSPECTED, STEP_COLUMNS
from unlearning.training.settings import UnlearningInputs, UnlearningSettings
from unlearning.training.unlearn import unlearn
from unlearning.training.vectors import trainable

from ..conftest import methods_of_the_vae, parameters_of
from .conftest import SETTINGS, build

# A bias before batch normalisation has no effect: its gradient is rounding noise, which differs from processor
# to processor, and which Adam scales up to the size of any other step.
WITHOUT_EFFECT = {"encoder.1.bias", "encoder.2.running_mean", "decoder.0.bias", "decoder.1.running_mean"}


def start(parts, tmp_path, method="finetune", checkpoint=None, forgotten=(1,), direction=None, moments=None, **changes):
    """Run a method, or the function `direction`, from a fresh model; return the model and what `unlearn` returned."""
    model = build()
    settings = SETTINGS | {"algorithm": method, "parameters": {} if direction else parameters_of(method)} | changes
    result = unlearn(
        model,
        SimpleNamespace(direction=direction) if direction else load_plugin("methods", method),
        UnlearningInputs(**parts, heldout_forget=parts["forget"], forgotten_classes=list(forgotten), moments=moments),
        UnlearningSettings(**settings),
        seed=5,
        checkpoint=checkpoint or Checkpoint(tmp_path / "state", str(settings)),
    )
    return model, result


@pytest.mark.parametrize("method", methods_of_the_vae())
def test_every_step_is_logged_and_every_scheduled_measurement_made(parts, tmp_path, method):
    _, run = start(parts, tmp_path, method)
    assert run.status == "finished"
    assert [row["step"] for row in run.steps] == list(range(1, 13))
    assert all(row.keys() == set(STEP_COLUMNS) for row in run.steps)
    scheduled = [1, 2, 3, 4, 7, 10, 12]
    for row in run.steps:
        assert row["seconds"] > 0
        assert 0 <= row["published_forgotten"] <= 128
        for column in INSPECTED:
            assert np.isfinite(row[column]) if row["step"] in scheduled else row[column] is None
    assert all(-1.0001 <= row["cosine_after"] <= 1.0001 for row in inspected(run))
    assert [row["step"] for row in run.steps if row["finetune_step_seconds"]] == [5, 10]
    expected = [(step, network) for step in [0, *scheduled] for network in (0, 1)]
    assert [(row["step"], row["network"]) for row in run.measurements] == expected
    assert (run.preparation_seconds > 0) == hasattr(load_plugin("methods", method), "prepare")


def inspected(run):
    """The steps whose gradients were looked at."""
    return [row for row in run.steps if row["cosine"] is not None]


@pytest.mark.parametrize(
    ("share", "samples"),
    [(0.0, 13), (0.0009, 13), (0.0011, 50), (0.02, 50), (0.079, 50), (0.081, 13), (1.0, 13)],
)
def test_a_measurement_takes_all_its_samples_only_near_the_threshold(parts, share, samples):
    """A judge of 10,000 networks, of which this share assigns all images to class 1."""
    votes = torch.arange(10_000) < share * 10_000
    scores = torch.stack([~votes, votes, torch.zeros_like(votes)], 1).long()
    inputs = UnlearningInputs(**parts, heldout_forget=parts["forget"], forgotten_classes=[1])
    inputs.judge.classify = lambda images: (None, None, len(images) * scores)
    settings = UnlearningSettings(**SETTINGS | {"algorithm": "finetune", "parameters": {}, "threshold": 0.02})
    counter = monitoring.ForgottenCounter(build().eval(), inputs, settings, seed=0)
    rows = counter.measure(3, stream(0, "samples"))
    assert {row["samples"] for row in rows} == {samples}
    assert sum(row["forgotten"] for row in rows) == samples * votes.sum()


def test_without_a_threshold_a_measurement_takes_all_its_samples(parts, tmp_path):
    _, run = start(parts, tmp_path)
    assert {row["samples"] for row in run.measurements} == {50}


def test_probes_show_the_original_then_what_each_step_made_and_change_nothing(parts, tmp_path):
    model = build().eval()
    images = torch.cat([parts["retain"], parts["forget"]])
    groups = {"retain": list(range(40)), "heldout_forget": list(range(40, 50))}
    probes = Probes.of_model(model, parts["judge"], images, groups, [1], seed=5)
    plain, without = start(parts, tmp_path / "plain", running_statistics="as_left")
    shown, run = start(parts | {"probes": probes}, tmp_path / "shown", running_statistics="as_left")
    assert all(torch.equal(a, b) for a, b in zip(plain.state_dict().values(), shown.state_dict().values(), strict=True))
    assert without.shown == []
    assert [look["step"] for look in run.shown] == [0, 1, 2, 10, 12]  # 5 is not measured, 12 is the last step
    assert torch.equal(run.shown[0]["images"], generative.decode(model, probes.latents))
    assert torch.equal(run.shown[-1]["images"], generative.decode(shown, probes.latents))


def test_logged_cosines_show_what_surgery_does(parts, tmp_path):
    _, run = start(parts, tmp_path, "surgery_retain")
    assert max(abs(row["direction_forget_cosine"]) for row in inspected(run)) < 1e-4
    _, run = start(parts, tmp_path, "surgery_forget")
    assert max(abs(row["direction_retain_cosine"]) for row in inspected(run)) < 1e-4
    _, run = start(parts, tmp_path, "finetune")
    assert min(row["direction_retain_cosine"] for row in inspected(run)) > 0.9999
    for row in inspected(run):
        assert row["direction_forget_cosine"] == pytest.approx(row["cosine"], abs=1e-5)


@pytest.mark.parametrize(
    ("changes", "make_reference"),
    [
        ({}, lambda parameters: torch.optim.Adam(parameters, lr=1e-3)),
        ({"optimizer": "sgd", "learning_rate": 1e-4}, lambda parameters: torch.optim.SGD(parameters, lr=1e-4)),
        (
            {"optimizer": "adamw", "adamw": {"second_moment": 0.9, "weight_decay": 0, "warm_up": 0, "clip": 1e9}},
            lambda parameters: torch.optim.AdamW(parameters, lr=1e-3, betas=(0.9, 0.9), weight_decay=0),
        ),
    ],
    ids=["adam", "sgd", "adamw"],
)
def test_finetuning_here_is_finetuning_in_plain_torch(parts, tmp_path, changes, make_reference):
    """What the loop measures (gradients of the forget loss, samples, reference steps) changes nothing."""
    ours, _ = start(parts, tmp_path, **changes)
    model = build().train()
    optimizer = make_reference(model.parameters())
    generator = stream(5, "unlearning retain")
    for _ in range(12):
        indices = torch.randint(40, (8,), generator=generator)
        noise = torch.randn(8, 2, generator=generator)
        optimizer.zero_grad()
        model.losses(parts["retain"][indices].float() / 255, noise).sum().backward()
        optimizer.step()
    for name in model.state_dict().keys() - WITHOUT_EFFECT:
        torch.testing.assert_close(ours.state_dict()[name], model.state_dict()[name], rtol=1e-4, atol=1e-6)


def test_all_methods_see_the_same_batches(parts, tmp_path):
    """Without a step size all losses are those of one model: they tell batches apart."""
    methods = ("finetune", "ascent", "ascent_descent", "uno_s")
    runs = [start(parts, tmp_path, method, optimizer="sgd", learning_rate=0.0)[1] for method in methods]
    for column in ("retain_loss", "forget_loss", "cosine"):
        first, *others = [[row[column] for row in inspected(run)] for run in runs]
        assert len(set(first)) == len(first)
        for other in others:
            assert other == pytest.approx(first)


@pytest.mark.parametrize("method", ["uno", "ascent_descent"])
def test_how_often_is_measured_changes_nothing_else(parts, tmp_path, method):
    often, _ = start(parts, tmp_path, method)
    seldom, run = start(parts, tmp_path, method, measure=[{"until": 12, "every": 12}])
    assert [row["step"] for row in run.measurements] == [0, 0, 12, 12]
    assert all(
        torch.equal(a, b) for a, b in zip(often.state_dict().values(), seldom.state_dict().values(), strict=True)
    )


def test_each_network_of_the_judge_counts_among_the_same_fresh_samples(parts, tmp_path):
    parts["judge"].networks[1].output.bias[1] += 10  # the networks disagree
    _, run = start(parts, tmp_path)
    samples = draw_samples(build().eval(), 50, stream(5, "unlearning samples"))
    counts = [(classify(network, samples)[1] == 1).sum() for network in parts["judge"].networks]
    assert [row["forgotten"] for row in run.measurements[:2]] == counts
    assert counts[0] != counts[1]


def test_measurements_see_weights_alone(parts, tmp_path):
    """UNO with λ = 0 takes the steps of `histogram`, but passes forget batches through batch normalisation, too."""
    statistics, judge = draw_batches(parts["retain"], range(40)), parts["judge"].networks[0]
    logits = judge(draw_samples(build(), 500, stream(0, "samples")).float() / 255)[:, 1]
    judge.output.weight[[0, 2]], judge.output.bias[[0, 2]] = 0.0, logits.median()  # class 1: half of the samples
    weights = {"histogram_weight": 1e3}
    rows = {"histogram": weights, "uno_histogram": weights | {"orthogonality_weight": 0}}
    runs = {}
    for setting, batches in (("retain", statistics), ("as_left", None)):
        changes = {"samples": 3000, "running_statistics": setting}
        runs[setting] = [
            start(parts | {"statistics": batches}, tmp_path, row, parameters=parameters, **changes)
            for row, parameters in rows.items()
        ]
    (model, run), (other, other_run) = runs["retain"]
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))
    assert run.measurements == other_run.measurements
    assert not all(torch.equal(a, b) for a, b in zip(model.buffers(), other.buffers(), strict=True))
    (as_left, run), (_, other_run) = runs["as_left"]
    assert run.measurements != other_run.measurements, "the labelled alternative shows what the passes left"
    assert all(torch.equal(value, as_left.state_dict()[name]) for name, value in model.state_dict().items())


def test_nothing_is_measured_where_no_class_is_forgotten(parts, tmp_path):
    assert start(parts, tmp_path, forgotten=())[1].measurements == []


def test_a_run_that_diverges_stops_and_says_at_which_step(parts, tmp_path):
    model, run = start(parts, tmp_path, "ascent", learning_rate=1e30)
    assert run.status == "diverged"
    assert len(run.steps) < 12
    assert run.steps[-1]["step"] == len(run.steps)
    last = [run.steps[-1][column] for column in INSPECTED]
    assert not (np.isfinite(last).all() and all(torch.isfinite(p).all() for p in trainable(model)))
    assert all(np.isfinite([row[column] for column in INSPECTED]).all() for row in run.steps[:-1])


def test_a_direction_that_is_not_finite_counts_as_divergence(parts, tmp_path):
    _, run = start(parts, tmp_path, direction=lambda step: step.retain.gradient * float("nan"))
    assert (run.status, len(run.steps)) == ("diverged", 1)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.zeros(3), r"torch.float32 \(3,\)"),
        (None, "None"),
        (torch.zeros(3, dtype=torch.double), r"torch.float64 \(3,\)"),
    ],
)
def test_a_direction_that_is_none_is_an_error_that_says_so(parts, tmp_path, value, message):
    with pytest.raises(ValueError, match=rf"direction must be torch.float32 \(\d+,\), but is {message}"):
        start(parts, tmp_path, direction=lambda step: value)


@pytest.mark.parametrize(
    "method", ["finetune", "ascent_descent", "uno_s", "selective_amnesia", "uno_s_histogram", "salun"]
)
@pytest.mark.parametrize("interrupted_after", [1, 5, 11])
def test_an_interrupted_run_ends_as_an_uninterrupted_one_bit_for_bit(parts, tmp_path, method, interrupted_after):
    class Interrupting(Checkpoint):
        left = interrupted_after

        def due(self):
            return True

        def save(self, state):
            super().save(state)
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt

    whole, expected = start(parts, tmp_path, method)
    with pytest.raises(KeyboardInterrupt):
        start(parts, tmp_path, method, checkpoint=Interrupting(tmp_path / "cut", "key"))
    resumed, run = start(parts, tmp_path, method, checkpoint=Checkpoint(tmp_path / "cut", "key"))
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    assert run.measurements == expected.measurements
    clocks = ("seconds", "finetune_step_seconds")
    for ours, theirs in zip(run.steps, expected.steps, strict=True):
        assert {k: v for k, v in ours.items() if k not in clocks} == {
            k: v for k, v in theirs.items() if k not in clocks
        }


def test_the_clock_counts_the_step_and_not_the_measurements(parts, tmp_path, monkeypatch):
    """Each reading of the clock takes one tick, and each measurement a thousand, which no step may count."""
    clock = {"now": 0.0}

    def tick(device):
        clock["now"] += 1
        return clock["now"]

    def costly(function):
        def wrapped(*arguments, **keywords):
            clock["now"] += 1000
            return function(*arguments, **keywords)

        return wrapped

    monkeypatch.setattr(monitoring, "now", tick)
    for module, names in ((monitoring, ("inspect", "inspect_after")), (generative, ("draw_samples", "decode"))):
        for name in names:
            monkeypatch.setattr(module, name, costly(getattr(module, name)))
    monkeypatch.setattr(losses, "as_float", costly(losses.as_float))  # drawing a batch
    _, run = start(parts, tmp_path)
    assert {row["seconds"] for row in run.steps} == {2.0}
    assert {row["finetune_step_seconds"] for row in run.steps} == {None, 1.0}


def test_the_published_count_is_the_guides_view_of_fixed_latents_in_train_mode(parts, tmp_path):
    model, _ = start(parts, tmp_path / "before", steps=11, batch_normalisation="frozen")
    _, run = start(parts, tmp_path, batch_normalisation="frozen")
    latents = torch.randn(128, 2, generator=stream(5, "published latents"))
    statistics = [buffer.clone() for buffer in model.buffers()]
    with torch.no_grad():
        pixels = (model.train().samples(latents) * 255).round().to(torch.uint8)
    assert any(not torch.equal(a, b) for a, b in zip(model.buffers(), statistics, strict=True))
    _, classes = classify(parts["guide"], pixels)
    assert run.steps[-1]["published_forgotten"] == (classes == 1).sum()


def test_without_a_guide_nothing_is_counted_as_published(parts, tmp_path):
    _, run = start(parts | {"guide": None}, tmp_path)
    assert {row["published_forgotten"] for row in run.steps} == {None}


def buffers(model):
    return {name: buffer for name, buffer in model.named_buffers() if "running" in name}


def test_frozen_batch_normalisation_keeps_the_statistics_of_training(parts, tmp_path):
    before = buffers(build())
    for setting, unchanged in (("frozen", True), ("batch", False)):
        model, _ = start(parts, tmp_path, "uno", batch_normalisation=setting)
        assert all(torch.equal(before[name], buffer) for name, buffer in buffers(model).items()) is unchanged


def test_warm_adam_goes_on_from_the_moments_of_training(parts, tmp_path):
    """One step from moments against Adam's formula (Kingma & Ba 2015, algorithm 1)."""
    model = build()
    names = [name for name, _ in model.named_parameters()]
    moments = {"step": torch.tensor(9.0)}
    for name, parameter in model.named_parameters():
        moments[f"{name}.exp_avg"] = torch.full_like(parameter, 0.3)
        moments[f"{name}.exp_avg_sq"] = torch.full_like(parameter, 4.0)
    moved, _ = start(
        parts,
        tmp_path,
        direction=lambda step: torch.ones_like(step.retain.gradient),
        steps=1,
        moments=moments,
        optimizer="adam_warm",
    )
    m, v = 0.9 * 0.3 + 0.1, 0.999 * 4.0 + 0.001
    change = 1e-3 * (m / (1 - 0.9**10)) / ((v / (1 - 0.999**10)) ** 0.5 + 1e-8)
    for name in names:
        difference = model.state_dict()[name] - moved.state_dict()[name]
        torch.testing.assert_close(difference, torch.full_like(difference, change), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("method", ["salun", "salun_as_run"])
@pytest.mark.parametrize("optimizer", ["adam_warm", "adamw", "sgd"])
def test_weights_that_a_method_leaves_alone_stay_bit_for_bit(parts, tmp_path, method, optimizer):
    """Warm moments and weight decay move every weight, also where the direction is 0."""
    start_weights = dict(build().named_parameters())
    moments = {"step": torch.tensor(9.0)}
    for name, parameter in start_weights.items():
        moments |= {f"{name}.exp_avg": torch.ones_like(parameter), f"{name}.exp_avg_sq": torch.ones_like(parameter)}
    adamw = {"second_moment": 0.95, "weight_decay": 0.5, "warm_up": 0, "clip": 3.0}
    model, _ = start(
        parts,
        tmp_path,
        method,
        optimizer=optimizer,
        adamw=adamw if optimizer == "adamw" else None,
        moments=moments if optimizer == "adam_warm" else None,
    )
    changed = [weight != start_weights[name] for name, weight in model.named_parameters()]
    share = torch.cat([part.flatten() for part in changed]).double().mean()
    assert 0.4 < share <= 0.5


@pytest.mark.parametrize("method", ["uno", "uno_s", "surgery_retain", "surgery_forget", "finetune"])
def test_a_histogram_method_without_weight_is_the_method_alone(parts, tmp_path, method):
    name = "histogram" if method == "finetune" else f"{method}_histogram"
    plain, _ = start(parts, tmp_path, method)
    weightless = parameters_of(name) | {"histogram_weight": 0}
    guided, _ = start(parts, tmp_path, name, parameters=weightless)
    # The samples pass through batch normalisation, whose running statistics they move.
    for key, tensor in dict(plain.named_parameters()).items():
        if key not in WITHOUT_EFFECT:
            torch.testing.assert_close(dict(guided.named_parameters())[key], tensor, rtol=1e-4, atol=1e-5)

"""Crossings of a threshold, by hand."""

import numpy as np
import pytest

from unlearning.evaluation.crossings import crossings, published_crossings, relative_crossing, step_times
from unlearning.evaluation.evidence import Value

RECORD = {"status": "finished", "preparation_seconds": 0.25, "counted_after_update": False}
STEPS = {
    "seconds": np.full(6, 0.5),
    "finetune_step_seconds": np.array([np.nan, 0.25, np.nan, 0.25, np.nan, 0.25]),
}


def measured(*counts, steps=None, networks=1, samples=100_000):
    """Measurements with these counts per thousand, by each network the same."""
    steps = range(0, 2 * len(counts), 2) if steps is None else steps
    return {
        "step": np.repeat(np.array(steps, float), networks),
        "network": np.tile(np.arange(networks), len(counts)),
        "forgotten": np.repeat(np.array(counts, float) * samples / 1000, networks),
        "samples": np.full(len(counts) * networks, samples),
    }


def run(*counts, threshold=0.02, status="finished", **options):
    steps = {"seconds": np.full(2 * len(counts) - 2, 0.5)}
    return crossings(measured(*counts, **options), steps, RECORD | {"status": status}, threshold)


@pytest.mark.parametrize(
    ("counts", "first", "sustained"),
    [
        ((100, 10, 5, 1), Value(2, 2, 2), Value(2, 2, 2)),
        ((100, 10, 30, 1), Value(2, 2, 2), Value(6, censored=True)),  # the last look alone does not show that it stays
        ((100, 30, 5, 1), Value(4, 4, 4), Value(4, 4, 4)),
        ((100, 10, 5, 30), Value(2, 2, 2), Value(6, censored=True)),
        ((100, 90, 80, 70), Value(6, censored=True), Value(6, censored=True)),
        ((1, 1, 1, 1), Value(0, 0, 0), Value(0, 0, 0)),
        # 20 of 1000 is at the threshold itself: no interval decides.
        ((100, 20, 5, 1), Value(4, 2, 4), Value(4, 2, 4)),
        ((100, 10, 20, 1, 1), Value(2, 2, 2), Value(6, 2, 6)),
        ((100, 90, 20, 20), Value(2, censored=True, undecided=True), Value(2, censored=True, undecided=True)),
        ((100, 10, 5, 20), Value(2, 2, 2), Value(0, censored=True, undecided=True)),
        ((20, 20, 20, 20), Value(0, censored=True, undecided=True), Value(0, censored=True, undecided=True)),
        ((100, 20, 30, 20), Value(0, censored=True, undecided=True), Value(6, censored=True)),
    ],
)
def test_a_run_crosses_or_does_not_cross_or_is_undecided(counts, first, sustained):
    """Intervals of 100,000 samples have a half width of 1 in 1000."""
    values = run(*counts)
    for name, expected in (("first", first), ("sustained", sustained)):
        assert values[f"{name}_crossing_steps"] == expected
        seconds = values[f"{name}_crossing_seconds"]
        for key in ("value", "low", "high"):
            step = getattr(expected, key)
            assert getattr(seconds, key) == (None if step is None else 0.25 + 0.5 * step)
        assert (seconds.censored, seconds.undecided) == (expected.censored, expected.undecided)
    assert values["five_step_forget_fraction"] == Value(None)


def test_208_of_10000_neither_cross_nor_fail_to_cross_two_per_cent():
    """400,000 samples of this run gave 2.02 ± 0.04 %."""
    values = run(100, 18, 20.8, samples=10_000)
    assert values["sustained_crossing_steps"] == Value(0, censored=True, undecided=True)


def test_networks_that_disagree_leave_a_run_undecided():
    agreeing = run(100, 15, 15, 15, networks=5)
    assert agreeing["sustained_crossing_steps"] == Value(2, 2, 2)
    measurements = measured(100, 15, 15, 15, networks=5)
    measurements["forgotten"][5:] += np.tile([-700, -300, 0, 300, 700], 3)
    disagreeing = crossings(measurements, {"seconds": np.full(6, 0.5)}, RECORD, 0.02)
    assert disagreeing["sustained_crossing_steps"] == Value(0, censored=True, undecided=True)


def test_another_threshold_gives_another_crossing():
    for threshold, step in ((0.2, 0), (0.05, 4), (0.01, 6)):
        assert run(100, 80, 30, 1, threshold=threshold)["first_crossing_steps"].value == step


def test_a_diverged_run_never_unlearned_for_good():
    values = run(100, 10, 1, status="diverged")
    assert values["first_crossing_steps"] == Value(2, 2, 2)
    assert values["sustained_crossing_steps"] == Value(4, censored=True)


def test_the_share_after_five_steps_is_in_per_cent_with_its_interval():
    (value,) = (run(100, 70, 30, steps=(0, 5, 6))["five_step_forget_fraction"],)
    assert value.value == pytest.approx(7)
    assert value.low < 7 < value.high


def test_there_are_no_crossings_where_nothing_was_measured():
    assert crossings({}, STEPS, RECORD, threshold=0.02) == {}
    assert relative_crossing({}, STEPS, RECORD, (np.array([1]), 100), margin=0.01) == {}


def test_retrained_models_with_a_margin_are_another_threshold():
    """31 of 1000 samples of retrained models: the run is below 41 of 1000 from step 4 on, and never below 20."""
    measurements, steps = measured(100, 41, 35, 30, networks=2), {"seconds": np.full(6, 0.5)}
    reference = np.array([3100, 3100]), 100_000
    values = relative_crossing(measurements, steps, RECORD, reference, margin=0.01)
    assert values["relative_crossing_steps"] == Value(4, 2, 4)
    assert values["relative_crossing_seconds"] == Value(2.25, 1.25, 2.25)
    assert crossings(measurements, steps, RECORD, 0.02)["sustained_crossing_steps"] == Value(6, censored=True)
    few = relative_crossing(measurements, steps, RECORD, (np.array([6, 6]), 200), margin=0.01)
    assert few["relative_crossing_steps"].undecided


def test_an_error_that_a_network_makes_in_both_shares_cancels():
    bias = np.array([-900.0, -300, 0, 300, 900])
    measurements = measured(100, 30, 30, 30, networks=5)
    measurements["forgotten"] += np.tile(bias, 4)
    steps = {"seconds": np.full(6, 0.5)}
    values = relative_crossing(measurements, steps, RECORD, (2500 + bias, 100_000), margin=0.01)
    assert values["relative_crossing_steps"] == Value(2, 2, 2)


def test_the_crossing_of_a_run_is_wrong_in_at_most_one_run_of_twenty():
    """Simulated runs of 40 looks: the true share falls and stays close to the threshold, and judges have a bias."""
    generator = np.random.default_rng(0)
    truth = 0.02 + 0.03 * np.exp(-np.arange(40) / 4) - 0.0005
    true_crossing = int((truth <= 0.02).argmax())
    false, runs = 0, 300
    for _ in range(runs):
        judges = np.clip(truth[:, None] + generator.normal(0, 0.001, 5), 0, 1)
        counts = generator.binomial(2000, judges)
        measurements = {
            "step": np.repeat(np.arange(40.0), 5),
            "network": np.tile(np.arange(5), 40),
            "forgotten": counts.ravel().astype(float),
            "samples": np.full(200, 2000),
        }
        value = crossings(measurements, {"seconds": np.ones(39)}, RECORD, 0.02)["first_crossing_steps"]
        false += value.value < true_crossing and not value.censored
        false += value.low is not None and value.low > true_crossing
        false += value.undecided and value.value >= true_crossing
    assert false <= 0.05 * runs


def test_step_time_and_its_ratio():
    values = step_times(STEPS)
    assert values["ms_per_step"].value == pytest.approx(500)
    assert values["step_time_ratio"].value == pytest.approx(2)


def test_a_run_too_short_to_time_a_finetune_step_has_no_ratio():
    steps = {"seconds": np.full(2, 0.5), "finetune_step_seconds": np.full(2, np.nan)}
    assert step_times(steps)["step_time_ratio"] == Value(None)
    counts = steps | {"published_forgotten": np.array([20.0, 0])}
    assert published_crossings(counts, RECORD, threshold=0.02)["published_relative_time"] == Value(None)


def published(*counts, record=RECORD):
    steps = {"seconds": np.full(len(counts), 0.5), "finetune_step_seconds": np.full(len(counts), 0.25)}
    return published_crossings(steps | {"published_forgotten": np.array(counts, float)}, record, threshold=0.02)


@pytest.mark.parametrize(
    ("counts", "steps"),
    [((20, 9, 2, 9, 9, 9), 3), ((20, 9, 3, 3, 3, 3), 6), ((0, 9, 9, 9, 9, 9), 1)],
    ids=["rebounds", "never", "at once"],
)
def test_the_published_protocol_takes_the_first_step_or_else_the_last_and_says_which(counts, steps):
    values = published(*counts)
    assert values["published_steps"] == Value(steps, censored=min(counts) == 3)
    assert values["published_seconds"].value == pytest.approx(0.5 * steps)
    assert values["published_relative_time"].value == pytest.approx(2 * steps)
    assert values["published_five_step_forget_fraction"].value == counts[4] / 128


@pytest.mark.parametrize(("counts", "steps"), [((20, 9, 2, 9, 9, 9, 7), 2), ((0, 9, 9, 9, 9, 9, 7), 7), ((0,), 1)])
def test_some_methods_count_after_an_update(counts, steps):
    """So does the paper's code; the original's own samples count for nothing, nor does what the last update gives."""
    values = published(*counts, record=RECORD | {"counted_after_update": True})
    assert values["published_steps"] == Value(steps, censored=2 not in counts)
    assert values["published_five_step_forget_fraction"].value == (9 / 128 if len(counts) > 5 else None)


@pytest.mark.parametrize("steps", [STEPS, STEPS | {"published_forgotten": np.full(6, np.nan)}])
def test_there_is_no_published_crossing_without_a_guide(steps):
    assert published_crossings(steps, RECORD, threshold=0.02) == {}

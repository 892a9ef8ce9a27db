"""Crossings of a threshold, by hand."""

import numpy as np
import pytest

from unlearning.evaluation.crossings import crossings, published_crossings, step_times
from unlearning.evaluation.evidence import Value

RECORD = {"status": "finished", "preparation_seconds": 0.25, "counted_after_update": False}
STEPS = {
    "seconds": np.full(6, 0.5),
    "finetune_step_seconds": np.array([np.nan, 0.25, np.nan, 0.25, np.nan, 0.25]),
}


def measured(*forgotten, steps=(0, 2, 4, 6)):
    return {
        "step": np.array(steps, float),
        "forgotten": np.array(forgotten, float),
        "samples": np.full(len(steps), 100.0),
    }


@pytest.mark.parametrize(
    ("forgotten", "first", "sustained"),
    [
        ((10, 2, 1, 0), (2, False), (2, False)),
        ((10, 2, 3, 0), (2, False), (6, True)),  # the last measurement alone does not show that it stays
        ((10, 3, 1, 0), (4, False), (4, False)),
        ((10, 2, 1, 3), (2, False), (6, True)),
        ((10, 9, 8, 7), (6, True), (6, True)),
        ((1, 1, 1, 1), (0, False), (0, False)),
    ],
)
def test_crossings_first_and_for_good(forgotten, first, sustained):
    values = crossings(measured(*forgotten), STEPS, RECORD, threshold=0.02)
    for name, (step, censored) in (("first", first), ("sustained", sustained)):
        assert values[f"{name}_crossing_steps"] == Value(step, censored=censored)
        assert values[f"{name}_crossing_seconds"] == Value(0.25 + 0.5 * step, censored=censored)
    assert values["five_step_forget_fraction"] == Value(None)


def test_another_threshold_gives_another_crossing():
    for threshold, step in ((0.1, 0), (0.03, 4), (0.01, 6)):
        values = crossings(measured(10, 8, 3, 1), STEPS, RECORD, threshold)
        assert values["first_crossing_steps"] == Value(step)


def test_a_diverged_run_never_unlearned_for_good():
    values = crossings(
        measured(10, 2, 1, steps=(0, 2, 4)), {"seconds": np.full(5, 0.5)}, RECORD | {"status": "diverged"}, 0.02
    )
    assert values["first_crossing_steps"] == Value(2)
    assert values["sustained_crossing_steps"] == Value(5, censored=True)


def test_the_share_after_five_steps_is_in_per_cent():
    values = crossings(measured(10, 7, 3, steps=(0, 5, 6)), STEPS, RECORD, threshold=0.02)
    assert values["five_step_forget_fraction"] == Value(pytest.approx(7))


def test_there_are_no_crossings_where_nothing_was_measured():
    assert crossings({}, STEPS, RECORD, threshold=0.02) == {}


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

"""When the forgotten class is gone under its own label: on hand-made measurements of two networks of the judge."""

import numpy as np
import pytest

from unlearning.evaluation.crossings import crossings

from .runs import RECORD, compute, evidence

STEPS = {"seconds": np.full(30, 0.5), "finetune_step_seconds": np.where(np.arange(30) % 5 == 4, 0.25, np.nan)}
MEASURED = np.array([0, 1, 2, 5, 10, 15, 30])
COUNTS = np.array([[50, 50], [48, 46], [8, 10], [0, 0], [9, 11], [8, 8], [0, 2]])  # of 50; below 0.18 is at most 8
THRESHOLD = 0.18


def measurements(counts=COUNTS):
    return {
        "step": np.repeat(MEASURED, 2).astype(float),
        "network": np.tile([0.0, 1], len(MEASURED)),
        "forgotten": np.zeros(2 * len(MEASURED)),
        "samples": np.full(2 * len(MEASURED), 100.0),
        "forgotten_label": counts.ravel().astype(float),
        "samples_each_way": np.full(2 * len(MEASURED), 50.0),
    }


def values(**changes):
    return compute(
        "label_crossing", **({"measurements": measurements(), "steps": STEPS, "threshold": THRESHOLD} | changes)
    )


def test_the_published_protocol_in_closed_form():
    result = values()
    assert (result["label_published_steps"].value, result["label_published_steps"].censored) == (5, False)
    assert result["label_published_seconds"].value == pytest.approx(2.5)
    assert result["label_published_relative_time"].value == pytest.approx(10)
    assert result["label_five_step_share"].value == 0
    assert result["label_last_share"].value == pytest.approx((8 / 50 + 1 / 50) / 2)  # of steps 15 and 30
    assert result["label_above_again"].value == 1  # at step 10


def test_a_share_at_the_threshold_does_not_count():
    counts = COUNTS.copy()
    counts[1:] = 9
    result = values(measurements=measurements(counts))
    assert (result["label_published_steps"].value, result["label_published_steps"].censored) == (30, True)
    assert result["label_above_again"].value is None


def test_the_original_is_no_step_and_a_class_that_stays_away_is_not_back():
    result = values(measurements=measurements(np.zeros_like(COUNTS)))
    assert result["label_published_steps"].value == 1
    assert result["label_above_again"].value == 0


def test_the_crossing_for_good_is_that_of_the_samples_under_the_label():
    under_label = measurements() | {"forgotten": COUNTS.ravel(), "samples": np.full(2 * len(MEASURED), 50)}
    expected = crossings(under_label, STEPS, RECORD, THRESHOLD)
    result = values()
    assert result["label_sustained_steps"] == expected["sustained_crossing_steps"]
    assert result["label_sustained_seconds"] == expected["sustained_crossing_seconds"]


def test_a_model_without_labels_has_no_values():
    assert values(measurements=evidence().measurements) == {}
    assert values(measurements=measurements() | {"forgotten_label": np.full(2 * len(MEASURED), np.nan)}) == {}
    assert values(measurements={}) == {}

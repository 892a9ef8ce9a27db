"""Metrics of completed images, in closed form."""

from dataclasses import replace

import numpy as np
import pytest

from unlearning.evaluation.description import describe_metrics
from unlearning.evaluation.evidence import CompletionSet, Value
from unlearning.metrics.hole_error import hole_rmse, hole_ssim
from unlearning.metrics.inception_score import inception_score
from unlearning.plugins.load import load_plugin

from .runs import evidence

GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.integers(0, 256, (5, 1, 8, 8), np.uint8)
HIDDEN = np.zeros((5, 1, 8, 8), bool)
HIDDEN[..., 2:6, 2:6] = True
FEATURES = GENERATOR.normal(size=(5, 3))
SET = CompletionSet(
    images=IMAGES,
    hidden=HIDDEN,
    completed=IMAGES,
    labels=np.array([0, 1, 2, 0, 1]),
    classes=np.array([0, 1, 2, 0, 2]),
    features=FEATURES,
    true_features=FEATURES,
    probabilities=np.eye(3)[[0, 1, 2, 0, 2]],
    embeddings=FEATURES,
    true_embeddings=FEATURES,
    retrained=IMAGES,
)


def compute(metric, group="retain", **changes):
    """What a metric's file gives for one group."""
    values = load_plugin("metrics", metric).compute(evidence(completions={group: replace(SET, **changes)}))
    assert set(values) <= set(describe_metrics(metric))
    return {name.removesuffix(f"_{group}"): value.value for name, value in values.items()}


def test_perfect_completions_have_no_error_at_all():
    assert compute("hole_error") == {"hole_rmse": 0, "hole_ssim": 1}
    assert compute("distance_to_retrained") == {"distance_to_retrained": 0}
    assert compute("embedding_cosine")["embedding_cosine"] == pytest.approx(1)
    assert compute("completion_fid")["completion_fid"] == pytest.approx(0, abs=1e-6)


def test_only_hidden_pixels_count():
    completed = IMAGES.copy()
    completed[~HIDDEN] = 255 - completed[~HIDDEN]
    assert compute("hole_error", completed=completed)["hole_rmse"] == 0
    assert compute("distance_to_retrained", completed=completed)["distance_to_retrained"] == 0


def test_error_of_a_constant_offset_is_that_offset():
    images = np.full((3, 3, 8, 8), 100, np.uint8)
    assert hole_rmse(images + np.uint8(51), images, HIDDEN[:3]) == pytest.approx(0.2)
    # SSIM of two constants a, b has no variance: (2ab + c) / (a² + b² + c), c = (0.01 · 255)².
    a, b, c = 151.0, 100.0, (0.01 * 255) ** 2
    expected = (2 * a * b + c) / (a * a + b * b + c)
    assert hole_ssim(images + np.uint8(51), images, HIDDEN[:3]) == pytest.approx(expected)


def test_inception_score_counts_the_classes():
    assert inception_score(np.eye(4)) == pytest.approx(4)
    assert inception_score(np.full((6, 4), 0.25)) == pytest.approx(1)
    assert inception_score(np.eye(4)[[2, 2, 2]]) == pytest.approx(1)


def test_recognised_is_the_share_of_true_classes():
    assert compute("recognised") == {"recognised": 80}


def test_cosine_of_opposite_and_of_vanished_embeddings():
    assert compute("embedding_cosine", embeddings=-FEATURES)["embedding_cosine"] == pytest.approx(-1)
    assert compute("embedding_cosine", embeddings=0 * FEATURES)["embedding_cosine"] == 0


def test_no_distance_without_another_seed():
    assert compute("distance_to_retrained", retrained=None) == {"distance_to_retrained": None}


def test_drift_is_that_of_the_record():
    metric = load_plugin("metrics", "encoder_drift")
    assert not evidence().has(metric.NEEDS)
    moved = evidence(record={"encoder_drift": 0.25, "decoder_drift": 0.0})
    assert moved.has(metric.NEEDS)
    assert metric.compute(moved) == {"encoder_drift": Value(25.0), "decoder_drift": Value(0.0)}

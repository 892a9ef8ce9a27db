"""Metrics of samples and of runs against closed forms and published definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unlearning.evaluation.description import REQUIRED, describe_metrics
from unlearning.evaluation.evidence import Value
from unlearning.metrics.class_histogram_kl import divergence
from unlearning.metrics.inception_score import inception_score

from ...documents import file_of
from .runs import compute, evidence


def test_forget_fraction_counts_the_forgotten_classes():
    """3 of 100 samples by the first network of the judge, 5 by the second."""
    value = compute("forget_fraction", forgotten_classes=[1, 2])["forget_fraction"]
    assert value.value == 4
    assert value.low < 4 < value.high


def test_forget_fraction_does_not_exist_where_no_class_is_forgotten_as_a_whole():
    assert compute("forget_fraction", forgotten_classes=[])["forget_fraction"] == Value(None)


def test_histogram_kl_is_to_the_pooled_reference_and_smoothed_by_half_a_sample():
    """Both histograms are means over the two networks of the judge."""
    p, q = np.array([96.5, 4, 1]) / 101.5, np.array([100, 1, 100.5]) / 201.5
    value = compute("class_histogram_kl")["class_histogram_kl"]
    assert value.value == pytest.approx(stats.entropy(p, q))
    assert value.low < value.value < value.high
    assert compute("class_histogram_kl", retrained_counts=None) == {"class_histogram_kl": Value(None)}


def histogram(zeros, total=10_000):
    """Counts of ten classes: zeros as given, and as many as possible alike of each other digit."""
    return np.array([zeros, *[(total - zeros) / 9] * 9])


def test_the_reference_of_another_seed_does_not_decide_the_divergence():
    """Retrained models with 1, 7 and 0 zeros in 10,000: each pooled pair gives the same divergence within intervals."""
    original = histogram(900)
    alone = [divergence(original, histogram(zeros)).value for zeros in (1, 7, 0)]
    pooled = [divergence(original, histogram(zeros, 20_000)) for zeros in (1 + 7, 7 + 0, 0 + 1)]
    assert max(value.low for value in pooled) < min(value.high for value in pooled)
    for value in pooled:
        assert value.low <= min(other.value for other in pooled) or value.high >= max(other.value for other in pooled)
    assert np.ptp([value.value for value in pooled]) < 0.7 * np.ptp(alone)


@pytest.mark.parametrize("zeros", [1e-4, 5e-4, 0.1])
def test_the_interval_of_a_divergence_contains_the_true_one(zeros):
    """Simulated: of models whose share of zeros is 9 %, and of the reference itself."""
    generator = np.random.default_rng(0)
    q = np.array([zeros, *[(1 - zeros) / 9] * 9])
    for p in (np.array([0.09, *[0.91 / 9] * 9]), q):
        hits = 0
        for _ in range(60):
            value = divergence(generator.multinomial(10_000, p), generator.multinomial(20_000, q))
            hits += value.low <= stats.entropy(p, q) <= value.high
        assert hits >= 54


def test_negative_elbo_is_the_mean_and_missing_for_an_empty_group():
    values = compute("negative_elbo")
    assert values["negative_elbo_forget"] == Value(2.0)
    assert values["negative_elbo_retain"] == Value(None)


def test_the_example_of_the_documentation_is_a_metric():
    names = {}
    exec(file_of("add_your_own", "scripts/unlearning/metrics/brightness.py"), names)
    (described,) = names["METRICS"].values()
    assert list(described) == list(REQUIRED)
    assert evidence().has(names["NEEDS"])
    values = names["compute"](evidence(images=np.full((100, 1, 2, 2), 51, np.uint8)))
    assert values == {"brightness": Value(20.0)}


@pytest.mark.parametrize(
    ("metric", "names"),
    [
        ("step_time", {"ms_per_step": 500, "step_time_ratio": 2}),
        (
            "time_to_unlearn",
            {"first_crossing_steps": 4, "sustained_crossing_seconds": 2.25, "relative_crossing_steps": 4},
        ),
        ("as_published", {"published_steps": 3}),
    ],
)
def test_crossings_and_step_times_become_metrics(metric, names):
    """The threshold is the experiment's, 2 %; `tests/unit/evaluation/test_crossings.py` checks the values."""
    steps = evidence().steps | {"published_forgotten": np.array([20.0, 9, 2, 9, 9, 9])}
    measurements = evidence().measurements | {"samples": np.full(4, 1000.0), "forgotten": np.array([100.0, 20, 1, 0])}
    retrained = np.array([[5000, 10, 5000]])
    values = compute(metric, steps=steps, measurements=measurements, retrained_counts=retrained)
    assert {name: values[name].value for name in names} == pytest.approx(names)
    assert set(values) <= set(describe_metrics(metric))


def test_a_diverged_run_has_a_published_crossing_and_no_published_distance():
    steps = evidence().steps | {"published_forgotten": np.array([20.0, 9, 2, 9, 9, 9])}
    references = np.zeros(2), np.eye(2)
    values = compute("as_published", steps=steps, samples=None, published_reference=references)
    assert values["published_steps"] == Value(3)
    assert "published_fid" not in values


def test_there_is_no_published_protocol_without_a_guide():
    assert compute("as_published") == {}
    assert not evidence(steps={}).has("guide")
    assert evidence(steps={}, published_features=np.zeros((9, 2))).has("guide")  # a reference
    assert evidence(samples=None, steps={"seconds": np.ones(3)}).has("guide")  # a diverged run


@pytest.mark.parametrize("classes", [1, 3, 10])
def test_inception_score_is_the_number_of_classes_at_best_and_one_at_worst(classes):
    certain = np.eye(classes)[np.arange(60) % classes]
    assert inception_score(certain) == pytest.approx(classes)
    assert inception_score(np.full((60, classes), 1 / classes)) == pytest.approx(1)


def test_inception_score_of_stored_probabilities_is_that_of_exact_sums():
    """Probabilities are stored in float32. `math.fsum` rounds once."""
    probabilities = np.random.default_rng(0).dirichlet(np.full(10, 0.02), size=3000).astype(np.float32)
    mean = [math.fsum(column.tolist()) / 3000 for column in probabilities.T]
    terms = [p * math.log(p / mean[k]) for row in probabilities.tolist() for k, p in enumerate(row) if p]
    assert inception_score(probabilities) == pytest.approx(math.exp(math.fsum(terms) / 3000), rel=1e-12)


@given(st.integers(1, 30), st.integers(2, 6), st.integers(0, 999))
def test_inception_score_is_the_exponential_of_the_mutual_information(count, classes, seed):
    probabilities = np.random.default_rng(seed).dirichlet(np.full(classes, 0.5), size=count)
    information = stats.entropy(probabilities.mean(0)) - stats.entropy(probabilities, axis=1).mean()
    assert inception_score(probabilities) == pytest.approx(np.exp(information))


def test_each_source_of_running_statistics_has_a_forget_fraction_and_an_elbo():
    seen = {
        "as_left": (np.array([[1, 2, 1]]), np.array([3.0, 5.0])),
        "retain": (np.array([[4, 0, 0]]), np.array([1.0])),
    }
    values = compute("statistics_effect", by_statistics=seen)
    assert {name: value.value for name, value in values.items()} == {
        "running_statistics_as_left_forget_fraction": 50.0,
        "running_statistics_as_left_negative_elbo": 4.0,
        "running_statistics_retain_forget_fraction": 0.0,
        "running_statistics_retain_negative_elbo": 1.0,
    }
    assert values["running_statistics_as_left_forget_fraction"].low < 50
    values = compute("statistics_effect", by_statistics=seen, forgotten_classes=[])
    assert not any("fraction" in name for name in values)

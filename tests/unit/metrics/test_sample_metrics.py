"""Metrics of samples and of runs against closed forms and published definitions."""

import math
import textwrap

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unlearning import metrics
from unlearning.evaluation.description import REQUIRED, describe_metrics
from unlearning.evaluation.evidence import Value
from unlearning.metrics.class_histogram_kl import smoothed_histogram
from unlearning.metrics.inception_score import inception_score

from .runs import compute, evidence


def test_forget_fraction_counts_the_forgotten_classes():
    value = compute("forget_fraction", forgotten_classes=[1, 2])["forget_fraction"]
    assert value.value == 3
    assert value.low < 3 < value.high


def test_forget_fraction_does_not_exist_where_no_class_is_forgotten_as_a_whole():
    assert compute("forget_fraction", forgotten_classes=[])["forget_fraction"] == Value(None)


def test_histogram_kl_by_its_definition():
    p, q = np.array([97.5, 3.5, 0.5]) / 101.5, np.array([50.5, 0.5, 50.5]) / 101.5
    expected = stats.entropy(p, q)
    assert compute("class_histogram_kl")["class_histogram_kl"].value == pytest.approx(expected)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=50))
def test_histogram_is_a_distribution_without_zeros(classes):
    histogram = smoothed_histogram(np.array(classes), 5)
    assert histogram.sum() == pytest.approx(1)
    assert (histogram > 0).all()


def test_negative_elbo_is_the_mean_and_missing_for_an_empty_group():
    values = compute("negative_elbo")
    assert values["negative_elbo_forget"] == Value(2.0)
    assert values["negative_elbo_retain"] == Value(None)


def test_the_example_of_the_package_is_a_metric():
    """The file in the docstring, run as it stands there."""
    text = metrics.__doc__.split("::\n", 1)[1]
    names = {}
    exec(textwrap.dedent(text), names)
    (described,) = names["METRICS"].values()
    assert list(described) == list(REQUIRED)
    assert evidence().has(names["NEEDS"])
    values = names["compute"](evidence(images=np.full((100, 1, 2, 2), 51, np.uint8)))
    assert values == {"brightness": Value(20.0)}


@pytest.mark.parametrize(
    ("metric", "names"),
    [
        ("step_time", {"ms_per_step": 500, "step_time_ratio": 2}),
        ("time_to_unlearn", {"first_crossing_steps": 2, "sustained_crossing_seconds": 1.25}),
        ("as_published", {"published_steps": 3}),
    ],
)
def test_crossings_and_step_times_become_metrics(metric, names):
    """The threshold is the experiment's, 2 %; `tests/unit/evaluation/test_crossings.py` checks the values."""
    steps = evidence().steps | {"published_forgotten": np.array([20.0, 9, 2, 9, 9, 9])}
    values = compute(metric, steps=steps)
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

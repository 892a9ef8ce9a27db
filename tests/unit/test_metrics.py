"""Metrics against closed forms, published definitions and second implementations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.linalg import sqrtm

from unlearning import plugins
from unlearning.metrics import Evidence, SampleSet, Value
from unlearning.metrics.as_published import symmetrised_distance
from unlearning.metrics.class_histogram_kl import smoothed_histogram
from unlearning.metrics.fid import frechet_distance
from unlearning.statistics import kaplan_meier, kaplan_meier_median, trimmed_mean, wilson_interval


def evidence(**changes):
    """A run of 6 steps measured at 0, 2, 4 and 6, with 100 samples each."""
    standard = {
        "samples": SampleSet(np.zeros((100, 2)), np.repeat([0, 1], [97, 3])),
        "retrained": SampleSet(np.zeros((100, 2)), np.repeat([0, 1, 2], [50, 0, 50])),
        "retain_features": np.zeros((10, 2)),
        "guide_features": None,
        "guide_reference": None,
        "losses": {"forget": np.array([1.0, 3.0]), "retain": np.zeros(0)},
        "record": {"status": "finished", "seconds": 5.0, "peak_memory_mib": 7.0, "preparation_seconds": 0.25},
        "classes": 3,
        "forgotten_classes": [1],
        "threshold": 0.02,
        "steps": {"seconds": np.full(6, 0.5), "pace_seconds": np.array([np.nan, 0.25, np.nan, 0.25, np.nan, 0.25])},
        "measurements": {
            "step": np.array([0.0, 2, 4, 6]),
            "forgotten": np.array([10.0, 2, 1, 0]),
            "samples": np.full(4, 100.0),
        },
    }
    return Evidence(**(standard | changes))


def compute(name, **changes):
    return plugins.load("metrics", name).compute(evidence(**changes))


def measured(*forgotten):
    return {"step": np.array([0.0, 2, 4, 6]), "forgotten": np.array(forgotten, float), "samples": np.full(4, 100.0)}


def gaussian(mean, covariance, count, seed):
    return np.random.default_rng(seed).multivariate_normal(mean, covariance, size=count)


def test_frechet_distance_of_gaussians_in_closed_form():
    """|m₁ − m₂|² + Tr(C₁ + C₂ − 2 (C₁C₂)^½); for commuting covariances Σ(√λ₁ − √λ₂)²."""
    first, second = (
        gaussian([0, 0], np.diag([4.0, 1.0]), 400_000, 0),
        gaussian([3, -1], np.diag([9.0, 0.25]), 400_000, 1),
    )
    expected = 9 + 1 + (3 - 2) ** 2 + (0.5 - 1) ** 2
    assert frechet_distance(first, second) == pytest.approx(expected, rel=0.01)


def test_frechet_distance_equals_its_formula_on_the_sample_moments():
    generator = np.random.default_rng(2)
    first, second = generator.normal(size=(300, 8)) @ generator.normal(size=(8, 8)), generator.normal(size=(200, 8)) + 1
    c1, c2 = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    mean = ((first.mean(0) - second.mean(0)) ** 2).sum()
    expected = mean + np.trace(c1 + c2 - 2 * sqrtm(c1 @ c2).real)
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-8)


def test_frechet_distance_of_a_set_to_itself_is_zero_and_it_is_symmetric():
    first, second = gaussian([0, 0], np.eye(2), 500, 0), gaussian([1, 1], 2 * np.eye(2), 500, 1)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(first, second) == pytest.approx(frechet_distance(second, first))


@pytest.mark.filterwarnings("ignore:Matrix is singular", "ignore:invalid value encountered:RuntimeWarning")
def test_frechet_distance_bears_dead_features_and_constant_samples():
    """ReLU features can be zero throughout, and a ruined model can draw one image over and over."""
    first = np.column_stack([gaussian([0, 0], np.eye(2), 500, 0), np.zeros(500)])
    assert frechet_distance(first, np.ones((50, 3))) == pytest.approx(3 + 2, rel=0.1)


def test_fid_without_another_seed_has_no_value_for_the_retrained_model():
    samples = SampleSet(np.random.default_rng(0).normal(size=(100, 2)), np.zeros(100, int))
    values = compute("fid", samples=samples, retrained=None, retain_features=samples.features)
    assert values["fid_retrain"] == Value(None)
    assert values["fid_retain"].value == pytest.approx(0, abs=1e-6)


@given(st.integers(1, 10**6).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_wilson_interval_equals_scipys(hits_of_total):
    hits, total = hits_of_total
    expected = stats.binomtest(hits, total).proportion_ci(method="wilson")
    assert wilson_interval(hits, total) == pytest.approx((expected.low, expected.high), abs=1e-7)


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


@pytest.mark.parametrize(
    ("forgotten", "first", "sustained"),
    [
        ((10, 2, 1, 0), (2, False), (2, False)),
        ((10, 2, 3, 0), (2, False), (6, False)),
        ((10, 2, 1, 3), (2, False), (6, True)),
        ((10, 9, 8, 7), (6, True), (6, True)),
        ((1, 1, 1, 1), (0, False), (0, False)),
    ],
)
def test_crossings_first_and_for_good(forgotten, first, sustained):
    values = compute("time_to_unlearn", measurements=measured(*forgotten))
    for name, (step, censored) in (("first", first), ("sustained", sustained)):
        assert values[f"{name}_crossing_steps"] == Value(step, censored=censored)
        assert values[f"{name}_crossing_seconds"] == Value(0.25 + 0.5 * step, censored=censored)


def test_a_diverged_run_never_unlearned_for_good():
    values = compute(
        "time_to_unlearn",
        record={"status": "diverged", "preparation_seconds": 0.25},
        steps={"seconds": np.full(5, 0.5)},
        measurements={key: column[:3] for key, column in measured(10, 2, 1, 0).items()},
    )
    assert values["first_crossing_steps"] == Value(2)
    assert values["sustained_crossing_steps"] == Value(5, censored=True)


def test_step_time_and_its_ratio():
    values = compute("step_time")
    assert values["ms_per_step"].value == pytest.approx(500)
    assert values["step_time_ratio"].value == pytest.approx(2)


def test_every_metric_describes_all_it_computes():
    seen = set()
    for name in plugins.names("metrics"):
        described = plugins.describe("metrics", name)
        grouped = plugins.load("metrics", name).METRICS
        assert len(described) == sum(4 if entry.get("by_group") else 1 for entry in grouped.values())
        assert not seen & set(described), f"{name} computes a metric that another file computes too"
        seen |= set(described)
        for metric, description in described.items():
            assert set(description) == {"label", "unit", "table", "description"}, metric


def test_values_that_are_not_finite_are_text_in_json():
    assert Value(float("inf"), low=1.0).as_json() == {"value": "inf", "low": 1.0, "high": None, "censored": False}


def test_kaplan_meier_on_the_textbook_case():
    """Remission times of the 6-MP group of Freireich et al. 1963, with the published estimates."""
    times = np.array([6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35])
    events = np.array([1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0], bool)
    falls, shares = kaplan_meier(times, ~events)
    np.testing.assert_array_equal(falls, [6, 7, 10, 13, 16, 22, 23])
    np.testing.assert_allclose(shares, [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448], atol=5e-4)
    assert kaplan_meier_median(times, ~events) == 23


def test_kaplan_meier_without_censoring_is_the_empirical_share():
    falls, shares = kaplan_meier(np.array([3.0, 1, 2, 2]), np.zeros(4, bool))
    np.testing.assert_array_equal(falls, [1, 2, 3])
    np.testing.assert_allclose(shares, [0.75, 0.25, 0])
    assert kaplan_meier_median(np.array([3.0, 1, 2, 2]), np.zeros(4, bool)) == 2


def test_kaplan_meier_where_nothing_happened():
    assert kaplan_meier_median(np.array([5.0, 5, 5]), np.ones(3, bool)) is None
    assert len(kaplan_meier(np.array([5.0, 5, 5]), np.ones(3, bool))[0]) == 0


def test_trimmed_mean_ignores_a_hiccup_and_keeps_two_kinds_of_steps():
    assert trimmed_mean(np.array([1.0] * 19 + [1000.0])) == 1
    assert trimmed_mean(np.array([1.0, 3.0] * 10)) == 2
    assert trimmed_mean(np.array([4.0])) == 4


def published(*counts, **changes):
    steps = {"seconds": np.full(len(counts), 0.5), "pace_seconds": np.full(len(counts), 0.25)}
    return compute("as_published", steps=steps | {"published_forgotten": np.array(counts, float)}, **changes)


@pytest.mark.parametrize(
    ("counts", "steps"),
    [((20, 9, 2, 9, 9, 9), 3), ((20, 9, 3, 3, 3, 3), 6), ((0, 9, 9, 9, 9, 9), 1)],
    ids=["rebounds", "never", "at once"],
)
def test_the_published_protocol_takes_the_first_step_or_else_the_last(counts, steps):
    values = published(*counts)
    assert values["published_steps"] == Value(steps)
    assert values["published_seconds"].value == pytest.approx(0.5 * steps)
    assert values["published_relative_time"].value == pytest.approx(2 * steps)
    assert values["published_five_step_forget_fraction"].value == counts[4] / 128


def test_the_published_distance_is_the_frechet_distance_where_covariances_commute_and_is_not_where_they_do_not():
    mean, other = np.zeros(2), np.array([3.0, -1])
    first, second = np.diag([4.0, 1.0]), np.diag([9.0, 0.25])
    assert symmetrised_distance(mean, first, other, second) == pytest.approx(10 + (3 - 2) ** 2 + (0.5 - 1) ** 2)
    turned = np.array([[0.8, -0.6], [0.6, 0.8]]) @ second @ np.array([[0.8, 0.6], [-0.6, 0.8]])
    true = np.trace(first + turned - 2 * sqrtm(first @ turned).real)
    product = first @ turned
    theirs = np.trace(first + turned) - 2 * np.trace(sqrtm((product + product.T) / 2)).real
    assert symmetrised_distance(mean, first, mean, turned) == pytest.approx(theirs)
    assert abs(theirs - true) > 0.1


def test_there_is_no_published_protocol_without_a_guide():
    assert compute("as_published") == {}

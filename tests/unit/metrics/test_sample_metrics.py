"""Metrics against closed forms, published definitions and second implementations."""

import textwrap

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytorch_fid.fid_score import calculate_frechet_distance
from scipy import stats
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import polynomial_kernel

from unlearning import metrics
from unlearning.data.dataset import Dataset
from unlearning.evaluation.description import REQUIRED, describe_metrics
from unlearning.evaluation.evidence import Evidence, SampleSet, Value
from unlearning.evaluation.statistics import (
    at_most,
    moments,
    share_below,
    squared_distances,
    trimmed_mean,
    wilson_interval,
)
from unlearning.metrics.as_published import symmetrised_distance
from unlearning.metrics.class_histogram_kl import smoothed_histogram
from unlearning.metrics.fid import frechet_distance, semidefinite_root
from unlearning.metrics.inception_score import inception_score
from unlearning.metrics.kid import kernel_distance
from unlearning.metrics.membership import likelihood_scores
from unlearning.metrics.nearest_sample import nearest_distances
from unlearning.metrics.precision_recall import precision_recall
from unlearning.plugins.describe import plugin_names
from unlearning.plugins.load import load_plugin
from unlearning.reporting.significance import kaplan_meier_median

# Eight pictures of 2×2: 0 and 1 are to be forgotten, 2 and 3 kept, the others held out.
LABELS = np.array([0, 1, 0, 2, 0, 0, 1, 2])
GROUPS = {"forget": [0, 1], "retain": [2, 3], "heldout_forget": [], "heldout_retain": [4, 5, 6, 7]}
PIXELS = np.arange(8, dtype=np.uint8)[:, None, None, None] * np.full((1, 1, 2, 2), 10, np.uint8)
DATA = Dataset(PIXELS, LABELS, np.empty((8, 0), np.uint8), np.arange(8) < 4, ["a", "b", "c"], [])

RECORD = {
    "status": "finished",
    "seconds": 5.0,
    "peak_memory_mib": 7.0,
    "preparation_seconds": 0.25,
    "counted_after_update": False,
}


def evidence(**changes):
    """A run of 6 steps measured at 0, 2, 4 and 6, with 100 samples each."""
    standard = {
        "samples": SampleSet(np.zeros((100, 2)), np.repeat([0, 1], [97, 3])),
        "probabilities": np.full((100, 3), 1 / 3),
        "images": np.zeros((100, 1, 2, 2), np.uint8),
        "retrained": SampleSet(np.zeros((100, 2)), np.repeat([0, 1, 2], [50, 0, 50])),
        "retain_features": np.zeros((10, 2)),
        "published_features": None,
        "published_reference": None,
        "data": DATA,
        "groups": GROUPS,
        "losses": {"forget": np.array([1.0, 3.0]), "retain": np.zeros(0)},
        "retrained_losses": {},
        "record": RECORD,
        "forgotten_classes": [1],
        "threshold": 0.02,
        "steps": {
            "seconds": np.full(6, 0.5),
            "finetune_step_seconds": np.array([np.nan, 0.25, np.nan, 0.25, np.nan, 0.25]),
        },
        "measurements": {
            "step": np.array([0.0, 2, 4, 6]),
            "forgotten": np.array([10.0, 2, 1, 0]),
            "samples": np.full(4, 100.0),
        },
    }
    return Evidence(**(standard | changes))


def compute(name, **changes):
    return load_plugin("metrics", name).compute(evidence(**changes))


def gaussian(mean, covariance, count, seed):
    return np.random.default_rng(seed).multivariate_normal(mean, covariance, size=count)


def distance(first, second):
    return frechet_distance(*moments(first), *moments(second))


def test_frechet_distance_of_gaussians_in_closed_form():
    """|m₁ − m₂|² + Tr(C₁ + C₂ − 2 (C₁C₂)^½); for commuting covariances Σ(√λ₁ − √λ₂)²."""
    first, second = (
        gaussian([0, 0], np.diag([4.0, 1.0]), 400_000, 0),
        gaussian([3, -1], np.diag([9.0, 0.25]), 400_000, 1),
    )
    expected = 9 + 1 + (3 - 2) ** 2 + (0.5 - 1) ** 2
    assert distance(first, second) == pytest.approx(expected, rel=0.01)


def test_frechet_distance_equals_its_formula_on_the_sample_moments():
    generator = np.random.default_rng(2)
    first, second = generator.normal(size=(300, 8)) @ generator.normal(size=(8, 8)), generator.normal(size=(200, 8)) + 1
    c1, c2 = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    mean = ((first.mean(0) - second.mean(0)) ** 2).sum()
    expected = mean + np.trace(c1 + c2 - 2 * sqrtm(c1 @ c2).real)
    assert distance(first, second) == pytest.approx(expected, rel=1e-8)


def test_frechet_distance_of_a_set_to_itself_is_zero_and_it_is_symmetric():
    first, second = gaussian([0, 0], np.eye(2), 500, 0), gaussian([1, 1], 2 * np.eye(2), 500, 1)
    assert distance(first, first) == pytest.approx(0, abs=1e-6)
    assert distance(first, second) == pytest.approx(distance(second, first))


def test_frechet_distance_bears_dead_features_and_constant_samples():
    """ReLU features can be zero throughout, and a ruined model can draw one image over and over."""
    first = np.column_stack([gaussian([0, 0], np.eye(2), 500, 0), np.zeros(500)])
    exact = (first.mean(0) - 1) @ (first.mean(0) - 1) + np.trace(np.cov(first, rowvar=False))
    assert distance(first, np.ones((50, 3))) == pytest.approx(exact)
    assert distance(np.ones((50, 3)), first) == pytest.approx(exact)
    assert distance(np.zeros((9, 1)), np.full((9, 1), 2.0)) == pytest.approx(4)


@pytest.mark.filterwarnings("ignore:Matrix is singular")
@given(st.integers(2, 20), st.integers(3, 60), st.integers(3, 60), st.integers(0, 999))
def test_frechet_distance_equals_pytorch_fids_with_fewer_samples_than_features_too(features, n, m, seed):
    generator = np.random.default_rng(seed)
    mix = generator.normal(size=(features, features))
    sets = moments(generator.normal(size=(n, features)) @ mix), moments(1 + generator.normal(size=(m, features)))
    expected = calculate_frechet_distance(*sets[0], *sets[1])
    assert frechet_distance(*sets[0], *sets[1]) == pytest.approx(expected, rel=1e-5)


@given(st.integers(1, 12), st.integers(0, 12), st.integers(0, 999))
def test_the_root_of_a_covariance_has_its_rank_but_for_rounding_and_gives_it_back(size, rank, seed):
    rank = min(size, rank)
    factor = np.random.default_rng(seed).normal(size=(size, rank))
    root = semidefinite_root(factor @ factor.T)
    assert root.shape[0] == size
    assert np.all(abs(root[:, rank:]) < 1e-6)
    np.testing.assert_allclose(root @ root.T, factor @ factor.T, atol=1e-9)


def test_fid_of_no_more_images_than_features_is_refused():
    """Of an attribute, only the job knows how many images are retained."""
    with pytest.raises(ValueError, match="a Fréchet distance on 2 features needs more than 2 images"):
        compute("fid", retain_features=np.zeros((2, 2)))


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


def test_every_metric_is_described_once():
    seen = set()
    for name in plugin_names("metrics"):
        described = describe_metrics(name)
        grouped = load_plugin("metrics", name).METRICS
        assert len(described) == sum(4 if entry.get("by_group") else 1 for entry in grouped.values())
        assert not seen & set(described), f"{name} computes a metric that another file computes too"
        seen |= set(described)
        for metric, description in described.items():
            assert set(description) - {"event"} == {"label", "unit", "table", "description"}, metric


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


def test_evidence_of_an_unknown_name_is_refused():
    for name in plugin_names("metrics"):
        assert evidence().has(load_plugin("metrics", name).NEEDS) in (True, False)
    with pytest.raises(ValueError, match="NEEDS = 'sample': no evidence has this name"):
        evidence().has("sample")


def test_values_that_are_not_finite_are_text_in_json():
    assert Value(float("inf"), low=1.0).as_json() == {"value": "inf", "low": 1.0, "high": None, "censored": False}


@given(st.lists(st.integers(1, 9) | st.none(), min_size=1, max_size=12))
def test_the_median_is_kaplan_and_meiers_where_all_runs_are_watched_to_the_same_end(steps):
    """Against scipy's product-limit estimate: None is a run that is censored at step 10."""
    events = [step for step in steps if step is not None]
    curve = stats.ecdf(stats.CensoredData(uncensored=events, right=[10] * (len(steps) - len(events)))).sf
    reached = curve.quantiles[(curve.probabilities <= 0.5 + 1e-12) & (curve.quantiles < 10)]
    times = np.array([10 if step is None else step for step in steps], float)
    median = kaplan_meier_median(times, np.array([step is None for step in steps]))
    assert median == ((reached[0], True) if len(reached) else (10, False))


def test_a_run_that_diverged_or_had_faster_steps_stays_among_those_that_never_unlearned():
    """Censored early, seven of ten runs would leave the estimate, and the other three would be all of it."""
    diverged = np.array([5.0] * 7 + [100.0] * 3)
    assert kaplan_meier_median(diverged, np.array([True] * 7 + [False] * 3)) == (5, False)
    faster = np.array([20.0] * 6 + [24.0] * 4)
    assert kaplan_meier_median(faster, np.array([True] * 6 + [False] * 4)) == (20, False)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=12))
def test_a_median_that_was_not_reached_is_no_smaller_than_its_bound(runs):
    """Each run has a time, and one until which it is watched: a run watched long says nothing of the others."""
    times, watched = np.array(runs, float).T
    median, known = kaplan_meier_median(np.minimum(times, watched), times > watched)
    if not known:
        assert median <= np.sort(times)[(len(times) - 1) // 2]


def test_trimmed_mean_ignores_a_hiccup_and_keeps_two_kinds_of_steps():
    assert trimmed_mean(np.array([1.0] * 19 + [1000.0])) == 1
    assert trimmed_mean(np.array([1.0, 3.0] * 10)) == 2
    assert trimmed_mean(np.array([4.0])) == 4


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


def test_kernel_distance_equals_its_definition_with_scikit_learns_kernel(monkeypatch):
    """MMD²_u of Gretton et al. 2012, lemma 6: sums over all pairs but those of an image with itself."""
    monkeypatch.setattr("unlearning.metrics.kid.BLOCK", 7)
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(30, 4)), generator.normal(size=(20, 4)) + 0.5

    def kernel(a, b):
        return polynomial_kernel(a, b, degree=3, coef0=1)  # its gamma is 1 / features

    def off_diagonal(matrix):
        return (matrix.sum() - np.trace(matrix)) / (len(matrix) * (len(matrix) - 1))

    expected = off_diagonal(kernel(x, x)) + off_diagonal(kernel(y, y)) - 2 * kernel(x, y).mean()
    assert kernel_distance(x, y) == pytest.approx(expected)


def test_kernel_distance_has_no_bias_where_the_two_are_alike():
    generator = np.random.default_rng(1)
    values = [kernel_distance(*generator.normal(size=(2, 40, 3))) for _ in range(400)]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(400)
    assert min(values) < 0


def brute_force(real, samples):
    """The four definitions, word for word."""

    def ball(points, k):
        return np.sort(cdist(points, points), axis=1)[:, k]

    between = cdist(real, samples)
    third, fifth, sample_third = ball(real, 3), ball(real, 5), ball(samples, 3)
    return {
        "precision": np.mean([(between[:, j] <= third).any() for j in range(len(samples))]),
        "recall": np.mean([(between[i] <= sample_third).any() for i in range(len(real))]),
        "density": sum((between[:, j] <= fifth).sum() for j in range(len(samples))) / (5 * len(samples)),
        "coverage": np.mean([(between[i] <= fifth[i]).any() for i in range(len(real))]),
    }


@given(st.integers(6, 40), st.integers(6, 40), st.integers(1, 6), st.floats(0, 3), st.integers(0, 999))
def test_precision_recall_density_and_coverage_by_their_definitions(n, m, features, shift, seed):
    generator = np.random.default_rng(seed)
    real, samples = generator.normal(size=(n, features)), generator.normal(size=(m, features)) + shift
    assert precision_recall(real, samples) == pytest.approx(brute_force(real, samples))


def test_precision_and_recall_tell_too_few_modes_from_too_many(monkeypatch):
    monkeypatch.setattr("unlearning.evaluation.statistics.BLOCK", 64)
    generator = np.random.default_rng(3)
    one, other = generator.normal(size=(300, 2)), generator.normal(size=(300, 2)) + 100
    dropped = precision_recall(np.concatenate([one, other]), generator.normal(size=(600, 2)))
    invented = precision_recall(one, np.concatenate([generator.normal(size=(300, 2)), other]))
    assert dropped["precision"] > 0.9
    assert dropped["recall"] < 0.55
    assert dropped["coverage"] < 0.55
    assert invented["precision"] < 0.55
    assert invented["recall"] > 0.9
    same = precision_recall(one, one)
    assert (same["precision"], same["recall"], same["coverage"]) == (1, 1, 1)
    assert same["density"] > 1


def test_density_of_samples_like_the_real_ones_is_one_on_average():
    """Naeem et al. 2020, section 3: its expectation is 1 where the two distributions are the same."""
    generator = np.random.default_rng(4)
    values = [precision_recall(*generator.normal(size=(2, 60, 3)))["density"] for _ in range(100)]
    assert np.mean(values) == pytest.approx(1, abs=3 * np.std(values) / 10)


@pytest.mark.parametrize("classes", [1, 3, 10])
def test_inception_score_is_the_number_of_classes_at_best_and_one_at_worst(classes):
    certain = np.eye(classes)[np.arange(60) % classes]
    assert inception_score(certain) == pytest.approx(classes)
    assert inception_score(np.full((60, classes), 1 / classes)) == pytest.approx(1)


@given(st.integers(1, 30), st.integers(2, 6), st.integers(0, 999))
def test_inception_score_is_the_exponential_of_the_mutual_information(count, classes, seed):
    probabilities = np.random.default_rng(seed).dirichlet(np.full(classes, 0.5), size=count)
    information = stats.entropy(probabilities.mean(0)) - stats.entropy(probabilities, axis=1).mean()
    assert inception_score(probabilities) == pytest.approx(np.exp(information))


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 999))
def test_the_mean_share_below_is_the_area_under_the_roc_curve(n, m, seed):
    generator = np.random.default_rng(seed)
    values, others = generator.integers(0, 8, n).astype(float), generator.integers(0, 8, m).astype(float)
    expected = roc_auc_score(np.repeat([1, 0], [n, m]), np.concatenate([values, others]))
    assert share_below(values, np.zeros(n), others, np.zeros(m)).mean() == pytest.approx(expected)


def test_shares_below_are_within_labels_and_of_labels_that_both_have():
    shares = share_below(
        np.array([1.0, 5.0, 5.0]), np.array([0, 1, 2]), np.array([0.0, 2, 9, 9]), np.array([0, 0, 1, 0])
    )
    np.testing.assert_allclose(shares, [1 / 3, 0])


@given(st.integers(2, 30), st.integers(1, 5), st.integers(0, 999))
def test_moments_are_numpys_also_of_half_precision(n, size, seed):
    features = np.random.default_rng(seed).normal(100, 1, size=(n, size)).astype(np.float16)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("unlearning.evaluation.statistics.BLOCK", 7)
        mean, covariance = moments(features)
    np.testing.assert_allclose(mean, features.astype(float).mean(0))
    np.testing.assert_allclose(covariance, np.atleast_2d(np.cov(features.astype(float), rowvar=False)), atol=1e-12)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 999))
def test_squared_distances_are_scipys(n, m, seed):
    generator = np.random.default_rng(seed)
    first, second = generator.normal(size=(n, 3)), generator.normal(size=(m, 3))
    (_, distances), *_ = squared_distances(first, second)
    np.testing.assert_allclose(distances, cdist(first, second, "sqeuclidean"), atol=1e-12)


@given(st.integers(0, 30), st.integers(0, 30))
def test_at_most_draws_different_rows_and_the_same_ones_again(rows, count):
    drawn = at_most(np.arange(rows), count)
    assert len(set(drawn.tolist())) == len(drawn) == min(rows, count)
    np.testing.assert_array_equal(drawn, at_most(np.arange(rows), count))


SEEN_LOSSES = {"forget": np.array([1.0, 9.0]), "heldout_forget": np.zeros(0), "heldout_retain": np.arange(4.0)}


def test_elbo_rank_by_hand():
    """Image 0 (class 0, −ELBO 1) among 4 and 5 (0 and 1): half below, a tie counting half; image 1 among 6 (2)."""
    assert compute("elbo_rank", losses=SEEN_LOSSES)["elbo_rank"].value == pytest.approx((0.25 + 0) / 2)


def test_membership_by_hand():
    """Reference models at −ELBO μ ± 1 for every image; the attacked one is below μ by 4, 0 and 2."""
    around = {
        "forget": np.array([5.0, 9.0]),
        "heldout_forget": np.zeros(0),
        "heldout_retain": np.array([2.0, 3, 2, 3]),
    }
    references = {group: np.stack([values - 1, values + 1]) for group, values in around.items()}
    scores, deviation = likelihood_scores(SEEN_LOSSES, references)
    np.testing.assert_allclose(scores["forget"], [4, 0])
    assert deviation == pytest.approx(np.sqrt(2))  # two values 2 apart
    values = compute("membership", losses=SEEN_LOSSES, retrained_losses=references)
    # Image 0 (4) above both of its class (2 and 2); image 1 (0) level with the one of its class (0).
    assert values["membership_auc"].value == pytest.approx((1 + 0.5) / 2)
    expected = stats.norm.cdf([4 / np.sqrt(2), 0]).mean()
    assert values["membership_score"].value == pytest.approx(expected)


def test_membership_with_one_reference_model_has_an_area_but_no_score_and_with_none_nothing():
    references = {group: values[None] for group, values in SEEN_LOSSES.items()}
    values = compute("membership", losses=SEEN_LOSSES, retrained_losses=references)
    assert values["membership_auc"].value == 0.5
    assert values["membership_score"] == Value(None)
    assert compute("membership", losses=SEEN_LOSSES) == {}


def test_membership_of_models_that_never_saw_the_images_is_chance_and_of_those_that_did_is_not():
    """Losses of images with difficulties of their own, of models that differ by noise; memory lowers them by 3 σ."""
    generator = np.random.default_rng(5)
    sizes = {"forget": 40, "heldout_forget": 0, "heldout_retain": 400}
    labels = np.zeros(442, int)
    groups = {"forget": range(40), "retain": [440, 441], "heldout_forget": [], "heldout_retain": range(40, 440)}
    data = Dataset(np.zeros((442, 1, 1, 1), np.uint8), labels, np.empty((442, 0), np.uint8), labels == 0, ["a"], [])
    areas = {0: [], 3: []}
    for _ in range(30):
        difficulty = {group: generator.normal(100, 20, size) for group, size in sizes.items()}
        references = {group: mean + generator.normal(size=(4, len(mean))) for group, mean in difficulty.items()}
        for memory, found in areas.items():
            losses = {group: mean + generator.normal(size=len(mean)) for group, mean in difficulty.items()}
            losses["forget"] = losses["forget"] - memory
            values = compute("membership", losses=losses, retrained_losses=references, data=data, groups=groups)
            found.append(values["membership_auc"].value)
            rank = compute("elbo_rank", losses=losses, data=data, groups=groups)["elbo_rank"].value
            assert rank == pytest.approx(0.5, abs=0.25), "without references the difficulty of images hides it"
    assert np.mean(areas[0]) == pytest.approx(0.5, abs=0.03)
    assert np.mean(areas[3]) > 0.95


def test_nearest_sample_by_hand():
    """Grey 0 and 10 forgotten; held out of their classes 40, 50 and 60; samples 3 and 45: 3 over 5, 7 over 15."""
    samples = np.concatenate([np.full((2, 1, 2, 2), 3, np.uint8), np.full((3, 1, 2, 2), 45, np.uint8)])
    value = compute("nearest_sample", images=samples)["nearest_sample"].value
    assert value == pytest.approx((3 / 5 + 7 / 15) / 2)


def test_a_sample_that_is_the_image_is_at_distance_zero():
    images = np.random.default_rng(6).integers(0, 256, (5, 3, 4, 4), dtype=np.uint8)
    others = np.random.default_rng(7).integers(0, 256, (9, 3, 4, 4), dtype=np.uint8)
    distances = nearest_distances(images, np.concatenate([others, images[2:3]]))
    assert distances[2] == 0
    flat = [array.reshape(len(array), -1).astype(float) for array in (images, others)]
    np.testing.assert_allclose(np.delete(distances, 2), np.delete(cdist(*flat).min(1), 2))


def test_there_is_no_rank_and_no_ratio_where_no_held_out_image_has_the_class():
    groups = GROUPS | {"forget": [3], "heldout_retain": [4, 5, 6]}
    losses = {"forget": np.ones(1), "heldout_forget": np.zeros(0), "heldout_retain": np.arange(3.0)}
    references = {group: np.stack([values, values + 1]) for group, values in losses.items()}
    known = {"groups": groups, "losses": losses, "retrained_losses": references}
    assert compute("elbo_rank", **known)["elbo_rank"] == Value(None)
    assert compute("membership", **known)["membership_auc"] == Value(None)
    assert compute("nearest_sample", **known)["nearest_sample"] == Value(None)

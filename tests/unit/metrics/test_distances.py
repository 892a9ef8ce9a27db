"""Distances between sets of images against closed forms and second implementations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytorch_fid.fid_score import calculate_frechet_distance
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import polynomial_kernel

from unlearning.evaluation.evidence import SampleSet, Value
from unlearning.evaluation.statistics import moments
from unlearning.metrics.as_published import symmetrised_distance
from unlearning.metrics.fid import frechet_distance, semidefinite_root
from unlearning.metrics.kid import kernel_distance
from unlearning.metrics.precision_recall import precision_recall

from .runs import compute


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
    samples = SampleSet(np.random.default_rng(0).normal(size=(100, 2)), np.zeros(100, int), np.array([[100, 0, 0]]))
    values = compute("fid", samples=samples, retrained=None, retain_features=samples.features)
    assert values["fid_retrain"] == Value(None)
    assert values["fid_retain"].value == pytest.approx(0, abs=1e-6)


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


def test_an_offset_of_all_features_changes_nothing():
    generator = np.random.default_rng(5)
    real, samples = generator.integers(0, 999, size=(2, 60, 4)) / 1024  # exact also beside the offset
    assert precision_recall(real + 1e6, samples + 1e6) == precision_recall(real, samples)


def test_a_point_on_the_edge_of_a_ball_is_in_the_ball():
    real = np.repeat([[0.0], [4.0]], 7, axis=0)  # balls of radius 0
    samples = np.array([[0.0]] * 6 + [[9.0]])
    assert precision_recall(real, samples) == pytest.approx(
        {"precision": 6 / 7, "recall": 1, "density": 6 * 7 / (5 * 7), "coverage": 1 / 2}
    )


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

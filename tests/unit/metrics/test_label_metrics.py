"""Metrics of models with labels, on hand-made samples of three labels and the null label, of which 1 is forgotten."""

import dataclasses

import numpy as np
import pytest
from scipy.linalg import sqrtm
from sklearn.metrics.pairwise import polynomial_kernel

from unlearning.data.dataset import Dataset
from unlearning.evaluation.evidence import LabelSamples, Value
from unlearning.evaluation.shares import share_value
from unlearning.metrics import label_quality

from .runs import compute, evidence

SAMPLES = 40
# Two networks of the judge. Label 1 has become class 2, label 2 is the worst of those to retain.
COUNTS = np.array(
    [
        [[38, 2, 0], [36, 4, 0]],
        [[4, 6, 30], [4, 8, 28]],
        [[10, 0, 30], [10, 0, 30]],
        [[20, 1, 19], [20, 3, 17]],
    ]
)
ENTROPIES = np.array([np.zeros(SAMPLES), np.repeat([0.0, 1.0], SAMPLES // 2), np.ones(SAMPLES), np.ones(SAMPLES)])


def normal(seed, *shape):
    """Features with standard normal entries."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def seen(seed=0, **changes):
    fields = {
        "features": normal(seed, 4, SAMPLES, 2),
        "classes": np.zeros((4, SAMPLES), int),
        "class_counts": COUNTS,
        "entropies": ENTROPIES,
    }
    return LabelSamples(**(fields | changes))


def real(counts):
    """The data of a retain set with so many images of the classes 0, 1 and 2, and the features of its images."""
    labels = np.repeat([0, 1, 2], counts)
    pixels = np.zeros((len(labels), 1, 2, 2), np.uint8)
    data = Dataset(pixels, labels, np.empty((len(labels), 0), np.uint8), labels >= 0, ["a", "b", "c"], [])
    groups = {"forget": [], "retain": list(range(len(labels))), "heldout_forget": [], "heldout_retain": []}
    return {"data": data, "groups": groups, "retain_features": normal(9, len(labels), 2) + labels[:, None]}


def test_shares_for_each_way_of_asking_in_closed_form():
    values = compute("labels", by_label=seen())
    assert values["forgotten_under_own_label"] == share_value(np.array([6, 8]), SAMPLES)
    assert values["forgotten_under_own_label"].value == pytest.approx(100 * 7 / 40)
    assert values["forgotten_under_null_label"] == share_value(np.array([1, 3]), SAMPLES)
    assert values["forgotten_under_retained_labels"].value == pytest.approx(100 * (2 + 4 + 0 + 0) / 2 / 80)
    assert values["entropy_under_own_label"] == Value(0.5)
    assert values["label_agreement"].value == pytest.approx(100 * (37 + 30) / 80)
    assert values["label_agreement_worst"] == Value(75.0)


def test_the_matrix_what_the_forgotten_label_becomes_and_the_worst_label():
    values = compute("labels", by_label=seen())
    np.testing.assert_allclose(values["matrix"], COUNTS.sum(1) / 80)
    np.testing.assert_allclose(values["matrix"].sum(1), 1)
    assert values["becomes"].tolist() == [2]
    assert values["worst_label"].tolist() == [2]


def test_labels_whose_samples_agree_have_no_narrower_interval_than_one_of_them():
    """All labels decode the same latents: if the outcome depends on the latent alone, they tell no more than one."""
    alike = seen(class_counts=np.repeat([[[36, 4, 0]]], 4, axis=0))
    values = compute("labels", by_label=alike)
    one = share_value(np.array([4]), SAMPLES)
    assert values["forgotten_under_retained_labels"] == values["forgotten_under_own_label"] == one


def test_two_forgotten_labels_count_as_one_way_of_asking():
    values = compute("labels", by_label=seen(), forgotten_classes=[0, 1])
    assert values["forgotten_under_own_label"].value == pytest.approx(100 * (40 + 40 + 10 + 12) / 160)
    assert values["forgotten_under_retained_labels"].value == pytest.approx(25)
    assert values["label_agreement"].value == values["label_agreement_worst"].value == pytest.approx(75)
    assert values["becomes"].tolist() == [0, 2]


def test_without_a_forgotten_class_only_the_agreement_of_all_labels_has_a_value():
    values = compute("labels", by_label=seen(), forgotten_classes=[])
    assert {name for name, value in values.items() if isinstance(value, Value)} == {
        "label_agreement",
        "label_agreement_worst",
    }
    assert values["label_agreement"].value == pytest.approx(100 * (37 + 7 + 30) / 120)
    assert values["worst_label"].tolist() == [1]
    assert values["becomes"].shape == (0,)


def frechet(first, second):
    covariances = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    root = sqrtm(covariances[0] @ covariances[1]).real
    return ((first.mean(0) - second.mean(0)) ** 2).sum() + np.trace(sum(covariances) - 2 * root)


def kernel(first, second):
    """The unbiased estimate, with scikit-learn's kernel (x·y / F + 1)³."""
    n, m = len(first), len(second)
    own, other = polynomial_kernel(first), polynomial_kernel(second)
    within = (own.sum() - np.trace(own)) / (n * (n - 1)) + (other.sum() - np.trace(other)) / (m * (m - 1))
    return within - 2 * polynomial_kernel(first, second).mean()


def test_quality_is_that_of_each_retained_label_beside_the_images_of_its_class():
    samples, images = seen(), real([30, 25, 20])
    values = compute("label_quality", by_label=samples, **images)
    features, labels = images["retain_features"].astype(float), images["data"].labels
    for name, second in (("fid", frechet), ("kid", kernel)):
        expected = [second(samples.features[label].astype(float), features[labels == label]) for label in (0, 2)]
        np.testing.assert_allclose(values[name], expected, rtol=1e-4)
        assert values[f"{name}_of_labels"].value == pytest.approx(np.mean(expected), rel=1e-4)
        assert values[f"{name}_of_worst_label"].value == pytest.approx(max(expected), rel=1e-4)
        assert values[f"{name}_worst"].tolist() == [2], "its images are moved away"
    assert values["labels"].tolist() == [0, 2]


def test_a_copy_of_the_retained_images_is_perfect_and_the_label_that_copies_another_class_is_the_worst():
    images = real([SAMPLES] * 3)
    by_class = images["retain_features"].reshape(3, SAMPLES, 2) + 50 * np.arange(3)[:, None, None]
    images["retain_features"] = by_class.reshape(-1, 2)
    copies = np.concatenate([by_class, by_class[:1]])
    values = compute("label_quality", by_label=seen(features=copies), **images)
    assert values["precision_of_worst_label"] == values["recall_of_worst_label"] == Value(1.0)
    assert values["fid_of_worst_label"].value == pytest.approx(0, abs=1e-3)
    copies[2] = copies[0]
    values = compute("label_quality", by_label=seen(features=copies), **images)
    for name, mean, worst in (("precision", 0.5, 0), ("recall", 0.5, 0)):
        assert values[f"{name}_of_labels"].value == pytest.approx(mean)
        assert values[f"{name}_of_worst_label"].value == worst
        assert values[f"{name}_worst"].tolist() == [2]


def test_too_few_images_for_a_covariance_leave_the_kernel_distance_and_fewer_than_six_leave_nothing():
    wide = normal(0, 4, SAMPLES, 25)
    images = real([30, 0, 20])
    images["retain_features"] = normal(1, 50, 25)
    values = compute("label_quality", by_label=seen(features=wide), **images)
    assert "fid_of_labels" not in values
    assert np.isfinite(values["kid_of_worst_label"].value)
    assert list(compute("label_quality", by_label=seen(), **real([30, 30, 5]))) == ["labels"]
    assert "kid_of_labels" in compute("label_quality", by_label=seen(), **real([30, 1, 6])), "class 1 is forgotten"


def test_the_time_of_the_quality_does_not_grow_with_the_square_of_large_classes(monkeypatch):
    monkeypatch.setattr(label_quality, "MOST", 10)
    values = compute("label_quality", by_label=seen(), **real([30, 30, 30]))
    assert 0 <= values["recall_of_labels"].value <= 1
    assert (values["recall_of_labels"].value * 20) % 1 == pytest.approx(0, abs=1e-9)


def test_distances_to_both_references_of_the_retrained_model():
    made, retrained = seen(0), seen(1)
    values = compute("label_distance", by_label=made, retrained_by_label=retrained, forgotten_classes=[0, 1])
    for name, places in (("label", (0, 1)), ("null", (3, 3))):
        expected = [
            kernel(made.features[label], retrained.features[of]) for label, of in zip((0, 1), places, strict=True)
        ]
        assert values[f"kid_to_retrained_{name}"].value == pytest.approx(np.mean(expected), rel=1e-4)


def test_there_is_no_distance_without_another_seed_or_a_forgotten_class():
    assert compute("label_distance", by_label=seen(), retrained_by_label=None) == {}
    assert compute("label_distance", by_label=seen(), retrained_by_label=seen(), forgotten_classes=[]) == {}


def test_a_run_without_samples_by_label_has_none_of_these_values():
    run = evidence()
    assert not run.has("by_label")
    assert dataclasses.replace(run, by_label=seen()).has("by_label")

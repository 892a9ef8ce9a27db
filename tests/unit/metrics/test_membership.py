"""Whether a model still shows what it was trained on."""

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist

from unlearning.data.dataset import Dataset
from unlearning.evaluation.evidence import Value
from unlearning.metrics.membership import likelihood_scores
from unlearning.metrics.nearest_sample import nearest_distances

from .runs import GROUPS, compute

LOSSES = {"forget": np.array([1.0, 9.0]), "heldout_forget": np.zeros(0), "heldout_retain": np.arange(4.0)}


def test_elbo_rank_by_hand():
    """Image 0 (class 0, −ELBO 1) among 4 and 5 (0 and 1): half below, a tie counting half; image 1 among 6 (2)."""
    assert compute("elbo_rank", losses=LOSSES)["elbo_rank"].value == pytest.approx((0.25 + 0) / 2)


def test_membership_by_hand():
    """Reference models at −ELBO μ ± 1 for every image; the attacked one is below μ by 4, 0 and 2."""
    around = {
        "forget": np.array([5.0, 9.0]),
        "heldout_forget": np.zeros(0),
        "heldout_retain": np.array([2.0, 3, 2, 3]),
    }
    references = {group: np.stack([values - 1, values + 1]) for group, values in around.items()}
    scores, deviation = likelihood_scores(LOSSES, references)
    np.testing.assert_allclose(scores["forget"], [4, 0])
    deviation_of_difference = np.sqrt(2 * (1 + 1 / 2))  # of two values 2 apart, and of a mean of two
    assert deviation == pytest.approx(deviation_of_difference)
    values = compute("membership", losses=LOSSES, retrained_losses=references)
    # Image 0 (4) above both of its class (2 and 2); image 1 (0) level with the one of its class (0).
    assert values["membership_auc"].value == pytest.approx((1 + 0.5) / 2)
    expected = stats.norm.cdf([4 / deviation_of_difference, 0]).mean()
    assert values["membership_score"].value == pytest.approx(expected)


@pytest.mark.parametrize("models", [2, 3, 9])
def test_scores_of_models_that_never_saw_the_images_are_uniform(models):
    generator = np.random.default_rng(1)
    sizes = {"forget": 20000, "heldout_forget": 2000, "heldout_retain": 18000}
    draw = lambda count, size: generator.normal(0, 3, (count, size))  # noqa: E731
    references = {group: draw(models, size) for group, size in sizes.items()}
    losses = {group: draw(1, size)[0] for group, size in sizes.items()}
    scores, deviation = likelihood_scores(losses, references)
    probabilities = stats.norm.cdf(scores["forget"] / deviation)
    assert stats.kstest(probabilities, "uniform").pvalue > 1e-3
    assert (probabilities > 0.975).mean() == pytest.approx(0.025, abs=0.004)
    without_root = stats.norm.cdf(scores["forget"] / deviation * np.sqrt(1 + 1 / models))
    if models == 2:
        assert (without_root > 0.975).mean() == pytest.approx(0.056, abs=0.006), "of the paper's formula"


def test_a_loss_that_is_no_number_has_no_rank():
    """A member of unknown loss would otherwise rank above all others, and count as remembered."""
    references = {group: np.stack([values, values + 1]) for group, values in LOSSES.items()}
    for group in ("forget", "heldout_retain"):
        losses = {name: values.copy() for name, values in LOSSES.items()}
        losses[group][0] = np.nan
        values = compute("elbo_rank", losses=losses) | compute("membership", losses=losses, retrained_losses=references)
        assert values["elbo_rank"].as_json()["value"] == "nan"
        assert values["membership_auc"].as_json()["value"] == "nan"


def test_the_noise_of_membership_is_told_in_per_cent():
    references = {group: np.stack([values, values + 1]) for group, values in LOSSES.items()}
    run = {"losses": LOSSES, "retrained_losses": references, "loss_draws": 64, "noise_share": 0.08}
    values = compute("membership", **run)
    assert values["membership_draws"] == Value(64)
    assert values["membership_noise_share"].value == pytest.approx(8)
    assert compute("membership", **run | {"noise_share": None})["membership_noise_share"] == Value(None)


def test_membership_with_one_reference_model_has_an_area_but_no_score_and_with_none_nothing():
    references = {group: values[None] for group, values in LOSSES.items()}
    values = compute("membership", losses=LOSSES, retrained_losses=references)
    assert values["membership_auc"].value == 0.5
    assert values["membership_score"] == Value(None)
    assert compute("membership", losses=LOSSES) == {}


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
        for memory, auc_values in areas.items():
            losses = {group: mean + generator.normal(size=len(mean)) for group, mean in difficulty.items()}
            losses["forget"] = losses["forget"] - memory
            values = compute("membership", losses=losses, retrained_losses=references, data=data, groups=groups)
            auc_values.append(values["membership_auc"].value)
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

"""The reference: whose features it holds, and what a run is compared with."""

import numpy as np

from unlearning.evaluation.reference import UNSEEN, Reference
from unlearning.io.tensors import write_tensors


def reference(other_seed, seeds=(0, 1, 2), **arrays):
    standard = {"retain.features": np.zeros((4, 2)), "forget.features": np.zeros((3, 2))}
    for seed in seeds:
        standard |= {f"{seed}.features": np.full((3, 2), seed), f"{seed}.classes": np.full(3, seed)}
        standard[f"{seed}.class_counts"] = np.eye(3, dtype=int)[[seed, seed]]
        standard |= {f"{seed}.losses.{group}": np.full(5, float(seed)) for group in UNSEEN}
    return Reference(standard | arrays, list(seeds), other_seed)


def test_samples_are_of_the_other_seed_and_losses_of_all_other_seeds():
    fields = reference(other_seed=1).fields(seed=0)
    assert (fields["retrained"].classes == 1).all()
    assert (fields["retrained"].features == 1).all()
    np.testing.assert_array_equal(fields["retrained"].class_counts, [[0, 1, 0], [0, 1, 0]])
    assert set(fields["retrained_losses"]) == {"forget", "heldout_forget", "heldout_retain"}
    for losses in fields["retrained_losses"].values():
        np.testing.assert_array_equal(losses, [[1.0] * 5, [2.0] * 5])


def test_class_counts_are_pooled_over_all_other_seeds():
    """The model of seed s puts all its samples into class s, by both networks of the judge."""
    np.testing.assert_array_equal(reference(other_seed=1).fields(seed=0)["retrained_counts"], [[0, 1, 1]] * 2)
    np.testing.assert_array_equal(reference(other_seed=0).fields(seed=2)["retrained_counts"], [[1, 1, 0]] * 2)
    assert reference(other_seed=None, seeds=[0]).fields(seed=0)["retrained_counts"] is None


def test_with_one_seed_there_is_nothing_retrained_to_compare_with():
    fields = reference(other_seed=None, seeds=[0]).fields(seed=0)
    assert fields["retrained"] is None
    assert fields["retrained_losses"] == {}
    assert reference(other_seed=None, **{"0.retain": np.ones(3)}).retrained_completions("retain") is None


def test_moments_of_the_published_distance_are_there_with_a_guide():
    assert reference(other_seed=1).fields(0)["published_reference"] is None
    arrays = {"published.mean": np.ones(2), "published.covariance": np.eye(2)}
    mean, covariance = reference(other_seed=1, **arrays).fields(0)["published_reference"]
    np.testing.assert_array_equal(mean, np.ones(2))
    np.testing.assert_array_equal(covariance, np.eye(2))


def test_a_reference_is_read_with_its_seeds(tmp_path):
    draws = {"draws": 64, "noise_share": 0.08}
    arrays = {f"{name}.features": np.zeros((4, 2)) for name in ("retain", "forget")}
    write_tensors(tmp_path / "reference.safetensors", arrays, {"seeds": [0, 1]} | draws)
    reference = Reference.load(tmp_path / "reference.safetensors", other_seed=1)
    assert (reference.seeds, reference.other_seed) == ([0, 1], 1)
    assert reference.arrays["retain.features"].shape == (4, 2)
    fields = reference.fields(0)
    assert (reference.draws, fields["loss_draws"], fields["noise_share"]) == (64, 64, 0.08)

"""The reference: whose features it holds, and what a run is compared with."""

import numpy as np
import pytest

from unlearning.evaluation.reference import UNSEEN, Reference
from unlearning.io.files import sha256_of_file
from unlearning.io.tensors import write_tensors


def reference(other_seed, seeds=(0, 1, 2), **arrays):
    standard = {"retain.features": np.zeros((4, 2))}
    for seed in seeds:
        standard |= {f"{seed}.features": np.full((3, 2), seed), f"{seed}.classes": np.full(3, seed)}
        standard |= {f"{seed}.losses.{group}": np.full(5, float(seed)) for group in UNSEEN}
    return Reference(standard | arrays, list(seeds), other_seed)


def test_samples_are_of_the_other_seed_and_losses_of_all_other_seeds():
    fields = reference(other_seed=1).fields(seed=0)
    assert (fields["retrained"].classes == 1).all()
    assert (fields["retrained"].features == 1).all()
    assert set(fields["retrained_losses"]) == {"forget", "heldout_forget", "heldout_retain"}
    for losses in fields["retrained_losses"].values():
        np.testing.assert_array_equal(losses, [[1.0] * 5, [2.0] * 5])


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


def test_features_of_other_networks_are_refused(tmp_path):
    path, judge, guide = (tmp_path / name for name in ("reference.safetensors", "judge", "guide"))
    judge.write_text("judge")
    guide.write_text("guide")
    networks = {"judge": judge, "guide": None, "Inception": None}
    hashes = {"judge": sha256_of_file(judge)}
    write_tensors(path, {"retain.features": np.zeros((4, 2))}, {"classifiers": hashes, "seeds": [0, 1]})
    assert Reference.load(path, networks, other_seed=1).seeds == [0, 1]
    with pytest.raises(ValueError, match=f"{path}: holds features of another guide than {guide}; delete it"):
        Reference.load(path, networks | {"guide": guide}, other_seed=1)
    judge.write_text("another judge")
    with pytest.raises(ValueError, match=f"{path}: holds features of another judge than {judge}; delete it"):
        Reference.load(path, networks, other_seed=1)

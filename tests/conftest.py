"""Small experiments, really run."""

import shutil

import pytest

from .clone import UNO, Clone


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The small experiment, run to its end on two cores. Not to be changed: take a `copy`."""
    clone = Clone.make(tmp_path_factory.mktemp("finished") / "clone")
    clone.write_experiment()
    clone.run("--cores", "2")
    return clone


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory):
    """A run long enough to be interrupted, run to its end."""
    clone = Clone.make(tmp_path_factory.mktemp("uninterrupted") / "clone")
    clone.write_experiment(
        "long",
        seeds=[0],
        training__epochs=400,
        unlearning__steps=500,
        unlearning__measure=[{"until": 500, "every": 100}],
        methods={"uno": UNO},
    )
    clone.run("--cores", "2", "results/long/seed0/uno/metrics.json")
    return clone


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of the finished experiment, with the times of its files, to do things to."""
    shutil.copytree(finished.path, tmp_path / "copy", symlinks=True)
    return Clone(tmp_path / "copy")

"""Small experiments, really run."""

import json
import os
import shutil

# Before torch is imported: two processes run tests, and each with threads for all cores is seven times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from filelock import FileLock

from .clone import UNO, Clone


@pytest.fixture(scope="session")
def made_once(tmp_path_factory, worker_id):
    """Make a clone, change it and run it: once for all of the processes that pytest-xdist starts."""
    root = tmp_path_factory.getbasetemp()
    root = root if worker_id == "master" else root.parent

    def make(folder, *targets, **changes):
        path, done = root / folder, root / f"{folder}.json"
        with FileLock(root / f"{folder}.lock"):
            if not done.exists():
                clone = Clone.make(path)
                clone.write_experiment(**changes)
                clone.run("--cores", "2", *targets)
                done.write_text(json.dumps(clone.changes))
        return Clone(path, json.loads(done.read_text()))

    return make


@pytest.fixture(scope="session")
def finished(made_once):
    """The small experiment, run to its end on two cores. Not to be changed: take a `copy`."""
    return made_once("finished")


@pytest.fixture(scope="session")
def uninterrupted(made_once):
    """A run long enough to be interrupted, run to its end."""
    return made_once(
        "uninterrupted",
        "results/long/seed0/uno/metrics.json",
        name="long",
        seeds=[0],
        training__epochs=400,
        unlearning__steps=500,
        unlearning__measure=[{"until": 500, "every": 100}],
        methods={"uno": UNO},
    )


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of the finished experiment, with the times of its files, to do things to."""
    shutil.copytree(finished.path, tmp_path / "copy", symlinks=True)
    return Clone(tmp_path / "copy")

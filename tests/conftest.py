"""Small experiments, really run."""

import json
import os
import shutil
from pathlib import Path

from unlearning.plugins.load import load_plugin

# Before torch is imported: two processes run tests, and each with threads for all cores is seven times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Each Snakemake, and each job, of a clone would compile the library again: a fifth of a plan.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import pytest
from filelock import FileLock

from .clone import ROOT, UNO, Clone


@pytest.fixture(scope="session")
def browser():
    """A browser without a window: one for all tests of a process, for playwright runs once in a process."""
    programs = [path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))]
    if not programs:
        pytest.skip("reason: no Chromium on this machine (Debian: apt install chromium)")
    from playwright.sync_api import sync_playwright

    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=programs[0], args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def root(tmp_path_factory, worker_id):
    """A temporary folder that all of the processes share that pytest-xdist starts."""
    own = tmp_path_factory.getbasetemp()
    return own if worker_id == "master" else own.parent


@pytest.fixture(scope="session")
def mnist_source(root):
    """The folder that holds mnist/ with the official files: a given one, or one they are fetched to."""
    from unlearning.io import downloads
    from unlearning.io.downloads import SOURCE_VARIABLE

    named = os.environ.get(SOURCE_VARIABLE)
    given = Path(named or ROOT.parent / "shared" / "data")
    if (given / "mnist").is_dir():
        return given.resolve()
    if named:
        pytest.skip(reason=f"{SOURCE_VARIABLE} = {named}: holds no folder mnist/")
    with FileLock(root / "mnist.lock"), pytest.MonkeyPatch.context() as patched:
        patched.setattr(downloads, "PATIENCE", 10)
        try:
            load_plugin("datasets", "mnist").fetch(root / "fetched" / "mnist", None)
        except ValueError as error:
            pytest.skip(reason=f"MNIST is neither here nor to be fetched: {error}")
    return root / "fetched"


@pytest.fixture(scope="session")
def made_once(root):
    """Make a clone, change it and run it: once for all of the processes that pytest-xdist starts."""

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
        training__epochs=300,
        unlearning__steps=500,
        unlearning__measure=[{"until": 500, "every": 100}],
        methods={"uno": UNO},
    )


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of the finished experiment, with the times of its files, to do things to."""
    shutil.copytree(finished.path, tmp_path / "copy", symlinks=True)
    return Clone(tmp_path / "copy")

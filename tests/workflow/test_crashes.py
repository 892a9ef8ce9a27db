"""Killed jobs and a killed Snakemake: the same command goes on and ends with the same results."""

import csv
import json
import os
import signal
import subprocess
import time

import psutil
import pytest

from .conftest import Clone

LONG = {
    "seeds": [0],
    "training__epochs": 400,
    "unlearning__steps": 500,
    "unlearning__measure": [{"until": 500, "every": 100}],
    "methods": {"uno": {"orthogonality_weight": 1e3}},
}
RUN = "results/long/seed0"
TARGET = f"{RUN}/uno/metrics.json"
CLOCKS = ("seconds", "pace_seconds")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    clone = Clone.make(tmp_path_factory.mktemp("uninterrupted") / "clone")
    clone.write_experiment("long", **LONG)
    clone.run("--cores", "2", TARGET)
    return clone


def start(clone):
    log = (clone.path / "output.txt").open("a")
    return subprocess.Popen(clone.command("--cores", "1", TARGET), cwd=clone.path, stdout=log, stderr=log)


def wait_for(condition, process, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "Snakemake ended before it was to be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def jobs(process):
    """The processes below Snakemake that run a script."""
    return [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if any("scripts/tmp" in argument for argument in child.cmdline()) and "python" in child.name()
    ]


def trajectory(clone):
    with (clone.path / RUN / "uno" / "steps.csv").open() as file:
        return [{key: value for key, value in row.items() if key not in CLOCKS} for row in csv.DictReader(file)]


def metrics(clone):
    values = json.loads((clone.path / TARGET).read_text())["metrics"]
    clocked = ("seconds", "ms_per_step", "ratio", "memory")
    return {name: value for name, value in values.items() if not any(word in name for word in clocked)}


def test_kill_dash_nine_of_jobs_and_of_snakemake_itself(uninterrupted, tmp_path):
    clone = Clone.make(tmp_path / "clone")
    clone.write_experiment("long", **LONG)

    # Snakemake itself, while the original is being trained.
    process = start(clone)
    wait_for((clone.path / RUN / "original" / "model.resume").exists, process)
    orphans = jobs(process)
    assert orphans
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(orphans, timeout=10)
    assert not alive, "a job outlived its Snakemake"

    # The same command, with the training job killed while it goes on.
    process = start(clone)
    saved = (clone.path / RUN / "original" / "model.resume").stat().st_mtime
    resumed = clone.path / RUN / "original" / "train.log"
    wait_for(lambda: resumed.exists() and "resuming from" in resumed.read_text(), process)
    wait_for(lambda: (clone.path / RUN / "original" / "model.resume").stat().st_mtime > saved, process)
    for job in jobs(process):
        job.kill()
    assert process.wait() != 0
    assert not (clone.path / RUN / "original" / "model.safetensors").exists()

    # The same command, with the unlearning job killed.
    process = start(clone)
    wait_for((clone.path / RUN / "uno" / "model.resume").exists, process)
    for job in jobs(process):
        job.kill()
    assert process.wait() != 0
    assert not (clone.path / RUN / "uno" / "steps.csv").exists()

    # And to the end.
    clone.run("--cores", "1", TARGET)
    assert "resuming from" in (clone.path / RUN / "uno" / "unlearn.log").read_text()
    for model in ("original", "retrain", "uno"):
        file = f"{RUN}/{model}/model.safetensors"
        assert (clone.path / file).read_bytes() == (uninterrupted.path / file).read_bytes(), model
    assert trajectory(clone) == trajectory(uninterrupted)
    assert metrics(clone) == metrics(uninterrupted)
    assert len(metrics(clone)) >= 8
    assert not list(clone.path.rglob("*.resume"))


def test_a_second_snakemake_in_the_same_directory_is_told_so(uninterrupted, tmp_path):
    clone = Clone.make(tmp_path / "clone")
    clone.write_experiment("long", **LONG)
    process = start(clone)
    wait_for((clone.path / RUN / "original" / "model.resume").exists, process)
    second = clone.snakemake("--cores", "1", TARGET)
    assert second.returncode != 0
    assert "Directory cannot be locked" in second.stdout + second.stderr
    assert process.poll() is None
    process.terminate()
    process.wait()


def test_results_do_not_depend_on_the_number_of_cores(finished, tmp_path):
    """`finished` ran two jobs at a time; here one at a time, from scratch."""
    clone = Clone.make(tmp_path / "clone")
    clone.write_experiment()
    run = "results/tiny/seed0/uno"
    clone.run("--cores", "1", f"{run}/metrics.json")
    for name in ("model.safetensors", "measurements.csv", "samples.npz"):
        assert (clone.path / run / name).read_bytes() == (finished.path / run / name).read_bytes(), name
    reference = "results/tiny/reference.safetensors"
    assert (clone.path / reference).read_bytes() == (finished.path / reference).read_bytes()
    here, there = (
        json.loads((place.path / run / "metrics.json").read_text())["metrics"] for place in (clone, finished)
    )
    clocked = ("seconds", "ms_per_step", "ratio", "memory")
    for name, value in here.items():
        if not any(word in name for word in clocked):
            assert value == there[name], name

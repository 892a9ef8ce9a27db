"""Killed jobs and a killed Snakemake: the same command goes on and ends with the same results."""

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress

import psutil
import pytest

from ..clone import Clone, results_of, trajectory

RUN = "results/long/seed0"
LOGS = "results/long/logs"
TARGET = f"{RUN}/uno/metrics.json"


@pytest.fixture
def start():
    """Start Snakemake in a clone; none outlives the test."""
    started = []

    def begin(clone):
        with (clone.path / "output.txt").open("a") as log:
            process = subprocess.Popen(clone.command("--cores", "1", TARGET), cwd=clone.path, stdout=log, stderr=log)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()


def wait_for(condition, process, seconds=300):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "Snakemake ended before it was to be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def says(log, words):
    """Whether a log, which Snakemake removes before a job starts, has these words."""
    with suppress(FileNotFoundError):
        return words in log.read_text()


def jobs(process):
    """The processes below Snakemake that run a script."""
    return [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if any("scripts/tmp" in argument for argument in child.cmdline()) and "python" in child.name()
    ]


def test_kill_dash_nine_of_jobs_and_of_snakemake_itself(uninterrupted, tmp_path, start):
    clone = Clone(tmp_path / "clone")
    shutil.copytree(uninterrupted.path, clone.path, symlinks=True)
    for name in ("original", "uno"):
        shutil.rmtree(clone.path / RUN / name)

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
    resumed = clone.path / LOGS / "train" / "seed0" / "original.log"
    wait_for(lambda: says(resumed, "resuming from"), process)
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
    assert "resuming from" in (clone.path / LOGS / "unlearn" / "seed0" / "uno.log").read_text()
    for model in ("original", "uno"):
        file = f"{RUN}/{model}/model.safetensors"
        assert (clone.path / file).read_bytes() == (uninterrupted.path / file).read_bytes(), model
    assert trajectory(clone.path / RUN / "uno") == trajectory(uninterrupted.path / RUN / "uno")
    assert results_of(clone.path / TARGET) == results_of(uninterrupted.path / TARGET)
    assert len(results_of(clone.path / TARGET)) >= 8
    assert not list(clone.path.rglob("*.resume"))

"""Full disks, damaged files, a folder that cannot be written or is taken: named, and cured by the next run."""

import json
import shutil
import subprocess
import time
from contextlib import contextmanager

import pytest

from ..clone import Clone, results_of

RUN = "results/tiny/seed0/uno"


def refused(clone, *arguments):
    done = clone.snakemake("--cores", "2", *arguments)
    assert done.returncode != 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@contextmanager
def mounted(folder, *options):
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *options, folder], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(reason=f"mounting a file system is not allowed here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_damaged_data_are_made_again(copy):
    path = copy.path / "data/digits/prepared.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    copy.run("--cores", "2", "results/tiny/forget_set.json")
    assert path.read_bytes() == content


def test_results_that_were_damaged_or_replaced_are_made_again(copy, finished):
    """A flipped bit, half a file, and files as if copied from another experiment."""
    results = copy.path / "results/tiny"
    model = copy.path / RUN / "model.safetensors"
    content = model.read_bytes()
    model.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    half = results / "seed0/finetune/metrics.json"
    half.write_bytes(half.read_bytes()[:500])
    for replaced in (results / "reference.safetensors", results / "seed1/uno/record.json"):
        replaced.write_bytes((copy.path / f"{RUN}/steps.csv").read_bytes())
    targets = [f"results/tiny/{run}/metrics.json" for run in ("seed0/uno", "seed1/uno", "seed0/finetune")]
    assert copy.pending(*targets) == {"unlearn": 2, "build_reference": 1, "evaluate": 3}
    copy.run("--cores", "2", *targets)
    assert model.read_bytes() == content
    for target in targets:
        assert results_of(copy.path / target) == results_of(finished.path / target)


def test_an_original_file_that_changes_after_fetching_is_refused(copy):
    raw = copy.path / "data/digits/raw/digits.csv.gz"
    raw.write_bytes(raw.read_bytes()[:-100])
    (copy.path / "data/digits/prepared.safetensors").unlink()
    output = refused(copy, "data")
    assert "digits.csv.gz: sha256 is" in output
    assert "truncated or altered; delete it and run again" in output
    assert "fetched again once data/digits/fetched.json and data/digits/raw are deleted" in output
    assert not (copy.path / "data/digits/prepared.safetensors").exists()
    (copy.path / "data/digits/fetched.json").unlink()
    shutil.rmtree(raw.parent)
    copy.run("--cores", "2", "data")


def test_a_full_disk_is_named_and_leaves_nothing_half_written(tmp_path, finished):
    clone = Clone.make(tmp_path / "clone")
    clone.write_experiment()
    results = clone.path / "results"
    with mounted(results, "-t", "tmpfs", "-o", "size=600k", "tmpfs"):
        metrics = f"{RUN}/metrics.json"
        assert "No space left on device" in refused(clone, metrics)
        whole = {path: path.read_bytes() for path in results.rglob("model.safetensors")}
        assert whole
        for path, content in whole.items():
            assert content == (finished.path / path.relative_to(clone.path)).read_bytes()
        assert not list(results.rglob("*.tmp"))
        subprocess.run(["mount", "-o", "remount,size=200m", results], check=True)
        clone.run("--cores", "2", metrics)
        assert results_of(clone.path / metrics) == results_of(finished.path / metrics)


def test_a_results_folder_that_cannot_be_written_is_named_before_any_job(tmp_path):
    clone = Clone.make(tmp_path / "clone")
    clone.write_experiment()
    with mounted(clone.path / "results", "-t", "tmpfs", "-o", "ro", "tmpfs"):
        output = refused(clone)
    assert "results/tiny" in output
    assert "cannot be written: Read-only file system; make room, change the permissions" in output
    assert clone.made() == []


def test_a_clone_or_results_folder_in_which_another_snakemake_works_is_refused(tmp_path):
    """Of two clones with one results folder, Snakemake's own lock sees nothing."""
    shared = tmp_path / "shared"
    first, second = (Clone.make(tmp_path / name) for name in ("first", "second"))
    for clone in (first, second):
        clone.write_experiment(training__epochs=3000)
    target = f"{shared}/tiny/seed0/original/model.safetensors"
    arguments = ("--cores", "1", "--config", f"results={shared}", "--", target)
    process = subprocess.Popen(first.command(*arguments), cwd=first.path, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not (shared / "tiny/seed0/original/model.resume").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        output = refused(second, *arguments[2:])
        assert f"process {process.pid} on" in output
        assert "wait for its end, or set another folder" in output
        assert second.made() == []
        assert "Directory cannot be locked" in refused(first, *arguments[2:])
        assert process.poll() is None
        assert first.pending("--config", f"results={shared}"), "looking is allowed"
    finally:
        process.kill()
        process.wait()


def test_a_job_with_a_damaged_state_starts_afresh_and_one_core_gives_the_results_of_two(copy, finished):
    folder = copy.path / "results/tiny/seed0/original"
    made = [f"{RUN}/{name}" for name in ("model.safetensors", "measurements.csv", "samples.npz")]
    made += ["results/tiny/seed0/original/model.safetensors", "results/tiny/reference.safetensors"]
    shutil.rmtree(copy.path / RUN)
    shutil.rmtree(folder)
    (copy.path / made[-1]).unlink()
    folder.mkdir()
    (folder / "model.resume").write_bytes(b"PK\x03\x04 not a checkpoint")
    copy.run("--cores", "1", f"{RUN}/metrics.json")
    assert "starting afresh" in (copy.path / "results/tiny/logs/train/seed0/original.log").read_text()
    assert json.loads((folder / "record.json").read_text())["status"] == "finished"
    for name in made:
        assert (copy.path / name).read_bytes() == (finished.path / name).read_bytes(), name
    assert results_of(copy.path / RUN / "metrics.json") == results_of(finished.path / RUN / "metrics.json")

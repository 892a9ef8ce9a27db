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


@pytest.mark.parametrize(
    ("file", "damage", "target"),
    [
        (f"{RUN}/model.safetensors", "flip", f"{RUN}/metrics.json"),
        ("data/digits/prepared.safetensors", "truncate", "results/tiny/forget_set.json"),
        (f"{RUN}/metrics.json", "truncate", "results/tiny/metrics.csv"),
    ],
)
def test_a_damaged_result_is_made_again(copy, finished, file, damage, target):
    path = copy.path / file
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] if damage == "truncate" else content[:-1] + bytes([content[-1] ^ 1]))
    copy.run("--cores", "2", target)
    assert path.read_bytes() == content or file.endswith("metrics.json")
    assert results_of(copy.path / RUN / "metrics.json") == results_of(finished.path / RUN / "metrics.json")


@pytest.mark.parametrize("change", ["reference", "record"])
def test_a_result_that_somebody_replaced_is_made_again(copy, finished, change):
    """As if it had been copied from an experiment with another judge or with other settings."""
    path = copy.path / ("results/tiny/reference.safetensors" if change == "reference" else f"{RUN}/record.json")
    path.write_bytes((copy.path / f"{RUN}/steps.csv").read_bytes())
    assert copy.pending(f"{RUN}/metrics.json")[{"reference": "build_reference", "record": "unlearn"}[change]] == 1
    copy.run("--cores", "2", f"{RUN}/metrics.json")
    assert results_of(copy.path / RUN / "metrics.json") == results_of(finished.path / RUN / "metrics.json")


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


def test_a_results_folder_in_which_another_snakemake_works_is_refused(tmp_path):
    """Two clones, one results folder: Snakemake's own lock does not see that."""
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
        assert first.pending("--config", f"results={shared}"), "looking is allowed"
    finally:
        process.kill()
        process.wait()


def test_a_job_whose_state_is_damaged_starts_afresh(tmp_path, finished):
    clone = Clone.make(tmp_path / "clone")
    clone.write_experiment()
    folder = clone.path / "results/tiny/seed0/original"
    folder.mkdir(parents=True)
    (folder / "model.resume").write_bytes(b"PK\x03\x04 not a checkpoint")
    clone.run("--cores", "2", str(folder.relative_to(clone.path) / "model.safetensors"))
    name = "results/tiny/seed0/original/model.safetensors"
    assert (clone.path / name).read_bytes() == (finished.path / name).read_bytes()
    assert "starting afresh" in (clone.path / "results/tiny/logs/train/seed0/original.log").read_text()
    assert json.loads((folder / "record.json").read_text())["status"] == "finished"

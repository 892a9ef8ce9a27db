"""Files are written whole or not at all; locks and jobs end with their process."""

import errno
import mmap
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from unlearning.io.files import atomic_path, sha256_of, write_json
from unlearning.io.tensors import read_tensors, write_tensors
from unlearning.runtime import lock
from unlearning.runtime.checkpoint import Checkpoint

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"


def test_a_failed_write_leaves_what_was_there_and_nothing_else(tmp_path):
    path = tmp_path / "result.json"
    write_json(path, {"old": 1})

    def fail_halfway():
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert path.read_text() == '{\n  "old": 1\n}\n'
    assert list(tmp_path.iterdir()) == [path]


def test_a_number_that_is_not_finite_is_no_json(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "result.json", {"x": float("nan")})
    assert not list(tmp_path.iterdir())


def test_hash_of_settings_does_not_depend_on_their_order():
    assert sha256_of({"a": 1, "b": [1, 2]}) == sha256_of({"b": [1, 2], "a": 1})
    assert sha256_of({"a": 1}) != sha256_of({"a": 2})


def python(code, *arguments, **options):
    """A Python process that can import the library."""
    options["env"] = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, **options)


def hold_in_another_process(directory):
    code = (
        "import sys, pathlib\nfrom unlearning.runtime import lock\n"
        "lock.hold(pathlib.Path(sys.argv[1]))\nprint(1, flush=True)\ninput()"
    )
    process = python(code, str(directory), stdin=subprocess.PIPE)
    assert process.stdout.readline()
    return process


def test_a_lock_is_cleared_only_when_its_process_is_gone(tmp_path):
    stale = tmp_path / ".snakemake" / "locks" / "0.output.lock"
    stale.parent.mkdir(parents=True)
    stale.write_text("results/x\n")
    process = hold_in_another_process(tmp_path)
    lock.clear_if_abandoned(tmp_path)
    assert stale.exists()
    process.send_signal(signal.SIGKILL)
    process.wait()
    lock.clear_if_abandoned(tmp_path)
    assert not stale.exists()


JOB = """
import os, time
from unlearning.runtime import job
job.end_with_parents()
print(os.getpid(), flush=True)
time.sleep(60)
"""
ABOVE = """
import os, subprocess, sys
subprocess.run(["bash", "-c", sys.executable + ' -c "$JOB"; true'])
"""


def test_a_job_ends_when_the_process_above_its_shell_is_killed(monkeypatch):
    monkeypatch.setenv("JOB", JOB)
    parent = python(ABOVE)
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{pid}").exists()


def test_the_same_tensors_give_the_same_bytes_in_every_process(tmp_path):
    code = (
        "import sys, pathlib, numpy\nfrom unlearning.io.tensors import write_tensors\n"
        "tensors, header = {'b': numpy.ones(2), 'a': numpy.array(3)}, {'x': 1, 'y': [2], 'z': {}}\n"
        "write_tensors(pathlib.Path(sys.argv[1]), tensors, header)"
    )
    for number in range(4):
        assert python(code, str(tmp_path / str(number))).wait() == 0
    assert len({(tmp_path / str(number)).read_bytes() for number in range(4)}) == 1
    arrays, header = read_tensors(tmp_path / "0")
    assert arrays["a"].shape == ()
    assert arrays["b"].tolist() == [1, 1]
    assert header == {"x": 1, "y": [2], "z": {}}


STOPPED = """
import os, pathlib, signal, sys
from unlearning.runtime.checkpoint import Checkpoint
checkpoint = Checkpoint(pathlib.Path(sys.argv[1]), "key")
assert not checkpoint.due()
os.kill(os.getpid(), getattr(signal, sys.argv[2]))
assert checkpoint.due()
checkpoint.save({"step": 7})
print("went on")
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1"])
def test_a_job_asked_to_stop_saves_its_state_first(tmp_path, name):
    process = python(STOPPED, str(tmp_path / "state"), name)
    output, _ = process.communicate()
    assert process.returncode == 143
    assert not output
    assert Checkpoint(tmp_path / "state", "key").load() == {"step": 7}


def test_a_state_that_another_gpu_left_is_loaded_to_the_cpu(tmp_path, monkeypatch):
    with monkeypatch.context() as saving:
        saving.setattr(torch.serialization, "location_tag", lambda storage: "cuda:1")
        Checkpoint(tmp_path / "state", "key").save({"model": torch.arange(3)})
    assert Checkpoint(tmp_path / "state", "key").load()["model"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("damage", [lambda content: content[:-8], lambda content: b"", lambda content: b"\x00" * 64])
def test_a_damaged_file_of_tensors_is_named(tmp_path, damage):
    path = tmp_path / "model.safetensors"
    write_tensors(path, {"a": np.arange(6.0), "b": np.zeros((2, 3), np.uint8)}, {"x": [1]})
    arrays, header = read_tensors(path)
    assert header == {"x": [1]}
    assert arrays["a"].tolist() == list(range(6))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"model\.safetensors: not a whole file .*; delete it and run again"):
        read_tensors(path)


def test_a_changed_value_in_a_file_of_tensors_is_noticed(tmp_path):
    path = tmp_path / "model.safetensors"
    write_tensors(path, {"a": np.arange(6.0)})
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"\x01")
    with pytest.raises(ValueError, match="changed since it was written"):
        read_tensors(path)


def test_tensors_are_mapped_from_their_file_and_writing_to_them_does_not_reach_it(tmp_path):
    path = tmp_path / "a.safetensors"
    written = {
        "images": np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
        "flags": np.array([True, False, True]),
        "values": np.linspace(0, 1, 5),
        "numbers": np.arange(3),
        "nothing": np.zeros((2, 0), np.float32),
        "one": np.array(3, np.float32),
    }
    write_tensors(path, written, {"of": "anything"})
    content = path.read_bytes()
    read, header = read_tensors(path)
    assert header == {"of": "anything"}
    assert read.keys() == written.keys()
    for name, array in written.items():
        np.testing.assert_array_equal(read[name], array, strict=True)
    base = read["images"]
    while isinstance(base, np.ndarray):
        base = base.base
    assert isinstance(base, mmap.mmap)
    read["images"][:] = 0
    assert path.read_bytes() == content


def test_a_file_of_tensors_that_somebody_else_wrote_is_refused(tmp_path):
    from safetensors.numpy import save_file

    save_file({"a": np.arange(6.0)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="not a whole file of this project"):
        read_tensors(tmp_path / "model.safetensors")


def test_a_results_folder_has_one_owner(tmp_path):
    code = (
        "import sys, pathlib\nfrom unlearning.runtime import lock\n"
        "lock.own(pathlib.Path(sys.argv[1]))\nprint(1, flush=True)\ninput()"
    )
    process = python(code, str(tmp_path / "results"), stdin=subprocess.PIPE)
    assert process.stdout.readline()
    with pytest.raises(ValueError, match=f"process {process.pid} on .* works there; wait for its end"):
        lock.own(tmp_path / "results")
    process.kill()
    process.wait()
    lock.own(tmp_path / "results")


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EACCES])
def test_a_file_system_that_cannot_lock_is_worked_in_unguarded(tmp_path, monkeypatch, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(lock.fcntl, "flock", refuse)
    (tmp_path / ".snakemake" / "locks").mkdir(parents=True)
    stale = tmp_path / ".snakemake" / "locks" / "0.output.lock"
    stale.touch()
    lock.clear_if_abandoned(tmp_path)
    assert stale.exists()
    if number == errno.EACCES:
        with pytest.raises(ValueError, match="cannot be written: Permission denied"):
            lock.own(tmp_path / "results")
    else:
        lock.own(tmp_path / "results")
        lock.hold(tmp_path)


def test_a_full_disk_is_no_reason_to_leave_half_a_file(tmp_path):
    code = (
        "import pathlib, resource, sys\nfrom unlearning.io.files import write_json\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "write_json(pathlib.Path(sys.argv[1]), {'x': 'y' * 100_000})"
    )
    process = python(code, str(tmp_path / "result.json"), stderr=subprocess.PIPE)
    _, errors = process.communicate()
    assert b"File too large" in errors
    assert not list(tmp_path.iterdir())

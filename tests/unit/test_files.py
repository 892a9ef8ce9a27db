"""Files are written whole or not at all; locks and jobs end with their process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unlearning import lock
from unlearning.files import atomic_path, sha256_of, write_json
from unlearning.tensors import read_tensors

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


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
        "import sys, pathlib\nfrom unlearning import lock\n"
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
from unlearning import job
job._end_with_parents()
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
        "import sys, pathlib, numpy\nfrom unlearning.tensors import write_tensors\n"
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

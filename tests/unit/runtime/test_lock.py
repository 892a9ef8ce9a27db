"""Locks end with their process, and do without them where a file system cannot lock."""

import errno
import os
import signal
import subprocess

import pytest

from unlearning.runtime import lock

from ...process import python


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


def test_a_results_folder_has_one_owner(tmp_path):
    code = (
        "import sys, pathlib\nfrom unlearning.runtime import lock\n"
        "lock.claim(pathlib.Path(sys.argv[1]))\nprint(1, flush=True)\ninput()"
    )
    process = python(code, str(tmp_path / "results"), stdin=subprocess.PIPE)
    assert process.stdout.readline()
    with pytest.raises(ValueError, match=f"process {process.pid} on .* works there; wait for its end"):
        lock.claim(tmp_path / "results")
    process.kill()
    process.wait()
    lock.claim(tmp_path / "results")


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
            lock.claim(tmp_path / "results")
    else:
        lock.claim(tmp_path / "results")
        lock.hold(tmp_path)

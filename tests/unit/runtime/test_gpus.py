"""GPUs shared by lock: one job per slot, whatever number of processes asks, free again however a job ends."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from unlearning.runtime import gpus
from unlearning.runtime.device import prepare_device

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"
CLAIM = """
import pathlib, sys
from unlearning.runtime import gpus
print(gpus.claim(["GPU-a", "GPU-b"], pathlib.Path(sys.argv[1])), flush=True)
input()
"""

SEVERAL = CLAIM.replace('claim(["GPU-a", "GPU-b"], ', 'claim_several(["GPU-a", "GPU-b"], 2, ')


@pytest.fixture
def job(tmp_path):
    """Start a process that claims a card and holds it; all are ended afterwards."""
    started = []

    def start(slots=1, program=CLAIM):
        environment = os.environ | {"PYTHONPATH": str(SCRIPTS), gpus.SLOTS_VARIABLE: str(slots)}
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "locks")],
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        os.set_blocking(process.stdout.fileno(), False)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def card(process, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if line := process.stdout.readline():
            return line.strip()
        time.sleep(0.05)
    return None


def test_two_cards_take_two_jobs_and_the_third_waits_for_one_to_end(job):
    first, second = job(), job()
    assert {card(first), card(second)} == {"GPU-a", "GPU-b"}
    third = job()
    assert card(third, seconds=3) is None
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert card(third) is not None


def test_slots_let_jobs_share_a_card_but_spread_them_first(job):
    cards = [card(job(slots=2)) for _ in range(4)]
    assert cards == ["GPU-a", "GPU-b", "GPU-a", "GPU-b"]
    assert card(job(slots=2), seconds=3) is None


def test_a_job_that_needs_several_cards_holds_none_while_it_waits(job):
    first = job()
    assert card(first) == "GPU-a"
    both = job(program=SEVERAL)
    assert card(both, seconds=3) is None
    second = job()
    assert card(second) == "GPU-b"
    for process in (first, second):
        process.kill()
        process.wait()
    assert card(both) == "['GPU-a', 'GPU-b']"
    assert card(job(), seconds=3) is None


def test_several_slots_are_of_several_cards(job):
    assert card(job(slots=2, program=SEVERAL)) == "['GPU-a', 'GPU-b']"
    assert card(job(slots=2, program=SEVERAL)) == "['GPU-a', 'GPU-b']"
    assert card(job(slots=2), seconds=3) is None


def test_a_machine_without_nvidia_smi_has_no_card(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus.count_cards() == 0


@pytest.mark.parametrize(
    ("visible", "count"), [(None, 2), ("0,1", 2), ("1", 1), ("GPU-2", 1), ("0,-1,1", 1), ("-1", 0), ("", 0)]
)
def test_cards_are_counted_as_nvidia_smi_lists_them_but_for_hidden_ones(monkeypatch, tmp_path, visible, count):
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'GPU 0: A (UUID: GPU-1)'\necho 'GPU 1: A (UUID: GPU-2)'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert gpus.count_cards() == count


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_auto_is_the_cpu_and_says_so_and_cuda_is_an_error(caplog):
    with caplog.at_level("INFO"):
        assert prepare_device("auto").type == "cpu"
    assert "computing on the CPU" in caplog.text
    with pytest.raises(RuntimeError, match="torch sees no GPU here; set device to cpu or auto"):
        prepare_device("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_with_a_gpu_auto_takes_one():
    assert prepare_device("auto").type == "cuda"


def test_cards_are_taken_unguarded_where_the_file_system_cannot_lock(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(gpus.lock.fcntl, "flock", refuse)
    assert gpus.claim(["GPU-a"], tmp_path) == gpus.claim(["GPU-a"], tmp_path) == "GPU-a"

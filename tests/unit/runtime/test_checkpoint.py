"""A job that is asked to stop saves its state first; a state is loaded by any machine, and only by its own job."""

import pytest
import torch

from unlearning.runtime.checkpoint import Checkpoint

from ...process import python

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


def test_a_state_of_another_job_or_a_damaged_one_is_not_resumed(tmp_path, caplog):
    Checkpoint(tmp_path / "state", "key").save({"step": 7})
    with caplog.at_level("INFO"):
        assert Checkpoint(tmp_path / "state", "other").load() is None
        (tmp_path / "state").write_bytes((tmp_path / "state").read_bytes()[:-8])
        assert Checkpoint(tmp_path / "state", "key").load() is None
    assert "belongs to other settings: starting afresh" in caplog.text
    assert "cannot be read" in caplog.text

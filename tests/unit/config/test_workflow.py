"""What is asked of Snakemake and of the machine, before the first job."""

import getpass
import os

import pytest

from unlearning.config import workflow


def test_a_user_without_a_name_gets_one(monkeypatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)
    workflow.name_user()
    assert getpass.getuser() == str(2**31 - 7)
    monkeypatch.setenv("LOGNAME", "me")
    workflow.name_user()
    assert getpass.getuser() == "me"


def test_a_gpu_that_is_wanted_and_not_there_is_named(monkeypatch):
    """Without nvidia-smi and without a device file; a job on the CPU needs none."""

    class Job:
        wildcards, resources = {"experiment": "made"}, {"gpu": 1}

    monkeypatch.setattr(workflow.gpus, "may_have_card", lambda: False)
    workflow._check_cards([Job], {"made": {"device": "auto"}})
    with pytest.raises(ValueError, match=r"configs/made.yaml: device = 'cuda': this machine has no GPU; set device to"):
        workflow._check_cards([Job], {"made": {"device": "cuda"}})

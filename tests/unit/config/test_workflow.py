"""What is checked before Snakemake plans a run."""

import getpass
import os
from types import SimpleNamespace

import pytest

from unlearning.config import workflow
from unlearning.data.description import DATA_VARIABLE
from unlearning.io.downloads import SOURCE_VARIABLE

from ...miniature import forget_dataset, install_dataset, write_flowers


@pytest.fixture
def flowers(tmp_path, monkeypatch):
    """The folder of the user's own data set, which the environment names."""
    folder = tmp_path / "source" / "flowers"
    install_dataset("flowers", write_flowers(folder, train=9, heldout=3), tmp_path / "library", monkeypatch)
    monkeypatch.setenv(SOURCE_VARIABLE, str(folder.parent))
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    workflow.state_of_source.cache_clear()
    yield folder
    workflow.state_of_source.cache_clear()
    forget_dataset("flowers")


def test_own_data_that_do_not_fit_are_refused_even_where_all_results_are_there(flowers):
    """Snakemake hides what an input function raises if the job's output exists."""
    started = SimpleNamespace(
        is_main_process=True, basedir="/clone", global_resources={"_nodes": SimpleNamespace(value=None)}
    )
    experiments = {"own": {"dataset": "flowers", "device": "cpu"}}
    workflow.prepare_process(started, {}, experiments)
    (flowers / "images" / "new.heic").touch()
    workflow.prepare_process(started, {}, experiments)  # looked up once in a process
    workflow.state_of_source.cache_clear()
    with pytest.raises(ValueError, match=r"attributes.csv: has no row for 1 of 13 files in .*, such as new.heic"):
        workflow.prepare_process(started, {}, experiments)


def test_braces_in_the_path_of_the_clone_are_refused():
    with pytest.raises(ValueError, match=r"/a\{b\}: Snakemake takes braces in this path for wildcards; rename"):
        workflow.prepare_process(SimpleNamespace(is_main_process=True, basedir="/a{b}"), {}, {})


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

"""A table equals the one of a fresh run, whatever is changed, deleted, touched, copied or tampered with before."""

import json
import os
import shutil
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unlearning.runtime import basis
from unlearning.runtime.basis import Basis, check_inputs, request, restore, state

# A stand-in experiment: two data files, a selection that comes out the same for different settings, and a table.
JOBS = {
    "fetch": [],
    "select": ["fetch"],
    "train": ["fetch"],
    "unlearn": ["train", "select"],
    "judge": ["fetch"],
    "evaluate": ["unlearn", "judge"],
    "tabulate": ["evaluate", "select"],
}
SETTINGS = dict.fromkeys(JOBS, 0)


class Workflow:
    """Runs the stand-in as Snakemake runs a workflow: by the times of files, and without a memory of its own.

    A job runs if an output is missing, if an input is newer than an output, or if a job before it runs.
    """

    def __init__(self, folder):
        self.folder, self.computed = folder, []

    def file(self, job):
        return self.folder / ("data" if job == "fetch" else "results") / job / f"{job}.json"

    def run(self, asked):
        basis.STARTED, self.computed, due = time.time(), [], set()
        requests = {job: self.request(job, asked) for job in reversed(JOBS)}
        for job, inputs in JOBS.items():
            output = self.file(job)
            before = (requests[job], *map(self.file, inputs))
            if not output.exists() or due & set(inputs) or any(time_of(path) > time_of(output) for path in before):
                due.add(job)
                self.execute(job, inputs, asked)
        return self.file("tabulate").read_text()

    def request(self, job, asked):
        path = Basis.of(job, self.file(job)).request
        before = path.exists() and path.read_text()
        request(job, [self.file(job)], {"setting": asked[job]}, self.folder / "benchmark.tsv")
        if path.read_text() != before:
            touch(path)
        return path

    def execute(self, job, inputs, asked):
        output, params = self.file(job), {"setting": asked[job]}
        named = {name: self.file(name) for name in inputs}
        output.unlink(missing_ok=True)
        check_inputs(named.values())
        output.parent.mkdir(parents=True, exist_ok=True)
        if not restore(job, named, [output], params):
            self.computed.append(job)
            content = {name: json.loads(path.read_text()) for name, path in named.items()}
            setting = asked[job] // 2 if job == "select" else asked[job]  # two settings, one selection
            output.write_text(json.dumps({"setting": setting, "inputs": content}))
            state(job, named, [output], params)
        touch(output)


def touch(path):
    """To the time of now, which is finer than that of a file system's own clock."""
    os.utime(path, ns=(time.time_ns(), time.time_ns()))


def time_of(path):
    return path.stat().st_mtime_ns


def fresh(folder, asked):
    shutil.rmtree(folder, ignore_errors=True)
    return Workflow(folder).run(asked)


jobs = st.sampled_from(sorted(JOBS))
steps = st.one_of(
    st.tuples(st.just("set"), jobs, st.integers(0, 3)),
    st.tuples(st.just("delete"), jobs, st.sampled_from(["output", "statement", "request", "kept", "all"])),
    st.tuples(st.just("touch"), jobs, st.just(None)),
    st.tuples(st.just("tamper"), jobs, st.just(None)),
    st.tuples(st.just("copy"), jobs, st.just(None)),
    st.tuples(st.just("run"), jobs, st.just(None)),
)


def apply(workflow, asked, step):
    action, job, what = step
    output = workflow.file(job)
    files = Basis.of(job, output)
    if action == "set":
        asked[job] = what
    elif action == "run":
        workflow.run(asked)
    elif action == "copy" and workflow.folder.exists():  # as `cp -r` does: new times, no links
        copied = workflow.folder.with_name("copied")
        shutil.copytree(workflow.folder, copied, copy_function=shutil.copy)
        shutil.rmtree(workflow.folder)
        copied.rename(workflow.folder)
    elif action == "touch" and output.exists():
        touch(output)
    elif action == "tamper" and output.exists():
        output.write_text(output.read_text() + " ")
        touch(output)
    elif action == "delete":
        paths = {"output": [output], "statement": [files.statement], "request": [files.request], "kept": [files.kept]}
        for path in paths.get(what, [output.parent]):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


@settings(max_examples=100)
@given(sequence=st.lists(steps, min_size=3, max_size=12))
def test_a_table_equals_that_of_a_fresh_run(tmp_path_factory, sequence):
    folder = tmp_path_factory.mktemp("basis")
    workflow, asked = Workflow(folder / "work"), dict(SETTINGS)
    workflow.run(asked)
    for step in sequence:
        apply(workflow, asked, step)
    table = workflow.run(asked)
    assert table.strip() == fresh(folder / "fresh", asked)
    workflow.run(asked)
    assert workflow.computed == [], "a second run computes nothing"


@pytest.fixture
def workflow(tmp_path):
    made = Workflow(tmp_path / "work")
    made.run(dict(SETTINGS))
    return made


def test_touching_or_copying_computes_nothing(workflow):
    for job in JOBS:
        apply(workflow, {}, ("touch", job, None))
    workflow.run(dict(SETTINGS))
    assert workflow.computed == []
    apply(workflow, {}, ("copy", "fetch", None))
    workflow.run(dict(SETTINGS))
    assert workflow.computed == []


def test_what_follows_an_unchanged_output_is_not_computed_again(workflow):
    workflow.run(SETTINGS | {"select": 1})  # the same selection
    assert workflow.computed == ["select"]
    workflow.run(SETTINGS | {"select": 2})
    assert workflow.computed == ["select", "unlearn", "evaluate", "tabulate"]


def test_a_deleted_output_is_computed_again(workflow):
    workflow.file("train").unlink()
    workflow.run(dict(SETTINGS))
    assert workflow.computed == ["train"]


def test_jobs_that_are_forced_compute(workflow, monkeypatch):
    monkeypatch.setenv(basis.COMPUTE_AGAIN, "1")
    workflow.computed = []
    workflow.execute("train", JOBS["train"], SETTINGS)
    assert workflow.computed == ["train"]


def test_a_job_refuses_an_input_of_other_settings(workflow):
    request("train", [workflow.file("train")], {"setting": 5}, workflow.folder / "none")
    with pytest.raises(ValueError, match=r"train.json: was made with other settings or code"):
        check_inputs([workflow.file("train")])


def test_a_job_refuses_an_input_that_was_changed(workflow):
    workflow.file("train").write_text("{}")
    with pytest.raises(ValueError, match=r"train.json: was changed after the job that wrote the file; delete the file"):
        check_inputs([workflow.file("train")])


def test_results_of_a_folder_that_cannot_be_written_are_used_only_if_they_are_valid(workflow, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(basis, "write_json", refuse)
    monkeypatch.setattr(os, "utime", refuse)
    request("train", [workflow.file("train")], {"setting": 0}, workflow.folder / "none")
    with pytest.raises(ValueError, match=r"train.train.json: cannot be written: Permission denied; make room, "):
        request("train", [workflow.file("train")], {"setting": 1}, workflow.folder / "none")


def test_a_param_that_only_checks_does_not_count(workflow):
    params = {"setting": 0, basis.CHECKED_WITH: {"metrics": ["another"]}}
    assert basis.is_valid("train", [workflow.file("train")], params)
    assert not basis.is_valid("train", [workflow.file("train")], params | {"setting": 1})

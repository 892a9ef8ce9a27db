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

# A stand-in experiment: two data sets, of which the experiment names one; two seeds; a selection that comes out the
# same for different settings; a table. A number at the end of a name tells two jobs of one rule apart.
JOBS = {
    "fetch0": [],
    "fetch1": [],
    "select": ["fetch"],
    "train0": ["fetch"],
    "train1": ["fetch"],
    "unlearn0": ["train0", "select"],
    "unlearn1": ["train1", "select"],
    "judge": ["fetch"],
    "evaluate": ["unlearn0", "unlearn1", "judge"],
    "tabulate": ["evaluate", "select"],
}
SETTINGS = dict.fromkeys(JOBS, 0) | {"dataset": 0}
ONE_TRAIN = ("train0", "train1")


class Workflow:
    """Runs the stand-in as Snakemake runs a workflow: by the times of files, and without a memory of its own.

    A job runs if an output is missing, if an input is newer than an output, or if a job before it runs.
    """

    def __init__(self, folder):
        self.folder, self.computed = folder, []

    def file(self, job):
        rule = job.rstrip("01")
        return self.folder / ("data" if rule == "fetch" else "results") / job / f"{rule}.json"

    def basis(self, job):
        return Basis.of(job.rstrip("01"), self.file(job))

    def inputs(self, job, asked):
        return {name: self.file(f"fetch{asked['dataset'] % 2}" if name == "fetch" else name) for name in JOBS[job]}

    def about(self, job, asked):
        """What `request` and `is_valid` are told of a job."""
        rule, file = job.rstrip("01"), self.file(job)
        setting = asked[ONE_TRAIN[0] if job in ONE_TRAIN else job]  # seeds share their settings
        return rule, self.inputs(job, asked), [file], {"setting": setting}, f"{job}/{rule}.json"

    def run(self, asked):
        basis.STARTED, self.computed, due = time.time(), [], set()
        requests = {job: request(*self.about(job, asked)) for job in reversed(JOBS)}
        for job in JOBS:
            output, inputs = self.file(job), self.inputs(job, asked).values()
            before = (requests[job], *inputs)
            if not output.exists() or due & set(inputs) or any(time_of(path) > time_of(output) for path in before):
                due.add(output)
                self.execute(job, asked)
        return self.file("tabulate").read_text()

    def execute(self, job, asked):
        rule, named, (output,), params, _ = self.about(job, asked)
        output.unlink(missing_ok=True)
        check_inputs(named.values())
        output.parent.mkdir(parents=True, exist_ok=True)
        if not restore(rule, named, [output], params):
            self.computed.append(job)
            content = {name: json.loads(path.read_text()) for name, path in named.items()}
            setting = params["setting"] // 2 if job == "select" else params["setting"]  # two settings, one selection
            output.write_text(json.dumps({"job": job, "setting": setting, "inputs": content}))
            state(rule, named, [output], params)
        touch(output)


def touch(path, ahead=0):
    """To the time of now and some seconds, which is finer than that of a file system's own clock."""
    now = time.time_ns() + int(ahead * 1e9)
    os.utime(path, ns=(now, now))


def time_of(path):
    return path.stat().st_mtime_ns


def fresh(folder, asked):
    shutil.rmtree(folder, ignore_errors=True)
    return Workflow(folder).run(asked)


@pytest.fixture(scope="module", autouse=True)
def _without_waiting_for_the_disk():
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda _: None)
        yield


jobs = st.sampled_from(sorted(JOBS))
steps = st.one_of(
    st.tuples(st.just("set"), jobs, st.integers(0, 3)),
    st.tuples(st.just("delete"), jobs, st.sampled_from(["output", "statement", "request", "kept", "all"])),
    st.tuples(st.just("set"), st.just("dataset"), st.integers(0, 1)),
    st.tuples(st.just("touch"), jobs, st.sampled_from([0, 1e6])),
    st.tuples(st.just("replace"), jobs, st.just(None)),
    st.tuples(st.just("tamper"), jobs, st.just(None)),
    st.tuples(st.just("copy"), jobs, st.just(None)),
    st.tuples(st.just("run"), jobs, st.just(None)),
)


def apply(workflow, asked, step):
    action, job, what = step
    if action == "set":
        asked[job] = what
        return
    output, files = workflow.file(job), workflow.basis(job)
    if action == "replace" and job.endswith(("0", "1")):  # as `cp -r seed1 seed0` does
        other = workflow.file(job[:-1] + "10"[int(job[-1])])
        if other.parent.exists():
            shutil.rmtree(output.parent, ignore_errors=True)
            shutil.copytree(other.parent, output.parent, copy_function=shutil.copy)
    elif action == "run":
        workflow.run(asked)
    elif action == "copy" and workflow.folder.exists():  # as `cp -r` does: new times, no links
        copied = workflow.folder.with_name("copied")
        shutil.copytree(workflow.folder, copied, copy_function=shutil.copy)
        shutil.rmtree(workflow.folder)
        copied.rename(workflow.folder)
    elif action == "touch" and output.exists():
        touch(output, ahead=what)
    elif action == "tamper" and output.exists():
        output.write_text(output.read_text() + " ")
        touch(output)
    elif action == "delete":
        paths = {"output": [output], "statement": [files.statement], "request": [files.request], "kept": [files.kept]}
        for path in paths.get(what, [output.parent]):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


@settings(max_examples=60)
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
        apply(workflow, {}, ("touch", job, 0))
    workflow.run(dict(SETTINGS))
    assert workflow.computed == []
    apply(workflow, {}, ("copy", "select", None))
    workflow.run(dict(SETTINGS))
    assert workflow.computed == []


def test_what_follows_an_unchanged_output_is_not_computed_again(workflow):
    workflow.run(SETTINGS | {"select": 1})  # the same selection
    assert workflow.computed == ["select"]
    workflow.run(SETTINGS | {"select": 2})
    assert workflow.computed == ["select", "unlearn0", "unlearn1", "evaluate", "tabulate"]


def test_a_deleted_output_is_computed_again(workflow):
    workflow.file("train0").unlink()
    workflow.run(dict(SETTINGS))
    assert workflow.computed == ["train0"]


def test_another_data_set_in_the_same_place_or_another_leaves_no_result(workflow):
    workflow.run(SETTINGS | {"dataset": 1})
    assert workflow.computed == [job for job in JOBS if not job.startswith("fetch")]


def test_the_results_of_another_seed_are_not_taken(workflow):
    apply(workflow, {}, ("replace", "train0", None))
    workflow.run(dict(SETTINGS))
    assert workflow.computed == ["train0"]


def test_a_run_that_made_nothing_again_reads_each_file_at_most_once(workflow, monkeypatch):
    """A data set is an input of most jobs, and may have gigabytes."""
    read, real = [], basis.sha256_of_file
    monkeypatch.setattr(basis, "sha256_of_file", lambda path: (read.append(path), real(path))[1])
    apply(workflow, {}, ("touch", "fetch0", 0))
    workflow.run(dict(SETTINGS))
    assert len(read) == len(set(read))


def test_jobs_that_are_forced_compute(workflow, monkeypatch):
    monkeypatch.setenv(basis.COMPUTE_AGAIN, "1")
    workflow.computed = []
    workflow.execute("train0", SETTINGS)
    assert workflow.computed == ["train0"]


def test_a_job_refuses_an_input_of_other_settings(workflow):
    request(*workflow.about("train0", SETTINGS | {"train0": 5}))
    with pytest.raises(ValueError, match=r"train.json: was made with other settings or code"):
        check_inputs([workflow.file("train0")])


def test_a_job_refuses_an_input_that_was_changed(workflow):
    workflow.file("train0").write_text("{}")
    with pytest.raises(ValueError, match=r"train.json: was changed after the job that wrote the file; delete the file"):
        check_inputs([workflow.file("train0")])


def test_a_link_to_nothing_in_the_way_of_results_is_named(workflow, tmp_path):
    rule, inputs, (output,), *rest = workflow.about("train0", SETTINGS)
    (tmp_path / "link").symlink_to("/scratch/gone")
    with pytest.raises(ValueError, match=f"^{tmp_path}/link is a link to /scratch/gone, which is not there; make that"):
        request(rule, inputs, [tmp_path / "link" / output.name], *rest)


def test_results_of_a_folder_that_cannot_be_written_are_used_only_if_they_are_valid(workflow, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(basis, "write_json", refuse)
    monkeypatch.setattr(os, "utime", refuse)
    request(*workflow.about("train0", SETTINGS))
    with pytest.raises(ValueError, match=r"train.train.json: cannot be written: Permission denied; make room, "):
        request(*workflow.about("train0", SETTINGS | {"train0": 1}))


def test_a_param_that_only_checks_does_not_count(workflow):
    rule, inputs, outputs, params, place = workflow.about("train0", SETTINGS)
    assert basis.is_valid(rule, inputs, outputs, params | {basis.CHECKED_WITH: {"metrics": ["another"]}}, place)
    assert not basis.is_valid(rule, inputs, outputs, params | {"setting": 1}, place)


def test_another_rule_may_make_a_file_that_one_rule_made_before(tmp_path):
    """As where an original is trained at first, and then imported; and back again."""
    output = tmp_path / "original" / "model.safetensors"
    output.parent.mkdir()
    for number, rule in enumerate(("train", "import_original", "train")):
        job = rule, {}, [output], {"setting": number}
        request(*job, "original/model.safetensors")
        output.write_text(rule)
        state(*job)
        request(*job, "original/model.safetensors")
        check_inputs([output])
        assert basis.is_valid(*job, "original/model.safetensors")

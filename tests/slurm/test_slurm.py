"""The workflow on a real SLURM: the same results as on one machine, and through what clusters do to jobs."""

import json
import shutil
import signal

import pytest

from ..clone import METHODS, ROOT, results_of, trajectory
from .cluster import run, wait_for
from .conftest import PROFILE, ClusterClone

pytestmark = pytest.mark.usefixtures("cluster")
LONG_RUN = "results/long/seed0"
TRAINING_LOG = "results/long/logs/train/seed0/original.log"
UNLEARNING_LOG = "results/long/logs/unlearn/seed0/uno.log"
TARGET = f"{LONG_RUN}/uno/metrics.json"


@pytest.fixture(scope="module")
def done(tmp_path_factory, cluster):
    """The experiment of the fixture `finished`, run on the cluster; it may use (pretended) GPUs, but sees none.

    The method is a copy of UNO's file, in a folder outside the repository.
    """
    clone = ClusterClone.make(tmp_path_factory.mktemp("slurm") / "clone")
    own = clone.path.with_name("own_uno.py")
    shutil.copy(ROOT / "scripts" / "unlearning" / "methods" / "uno.py", own)
    clone.write_experiment(device="auto", methods={"own_uno": {"file": "../own_uno.py"} | METHODS["uno"]})
    clone.run("results/tiny/table.md")
    return clone


def test_the_same_metrics_as_on_one_machine(done, finished):
    compared = 0
    for path in sorted(done.path.glob("results/tiny/seed*/*/metrics.json")):
        name = str(path.relative_to(done.path))
        assert results_of(path) == results_of(finished.path / name.replace("own_uno", "uno")), name
        compared += 1
    assert compared == 6
    assert "| UNO " in (done.path / "results/tiny/table.md").read_text()
    assert done.pending("results/tiny/table.md") == {}


def test_what_is_asked_of_the_scheduler(done):
    jobs = {}
    for job in done.jobs():
        jobs.setdefault(job["comment"].split("_wildcards")[0], []).append(job)
    assert "rule_fetch_dataset" not in jobs, "needs a network, which compute nodes may not have"
    assert len(jobs["rule_evaluations_evaluate"]) == 2, "six evaluations, five to a queue entry"
    assert sum(map(len, jobs.values())) <= 20
    for name, entries in jobs.items():
        wanted = name in {"rule_train", "rule_train_classifier", "rule_unlearn", "rule_build_reference"}
        wanted |= name == "rule_evaluations_evaluate"
        for job in entries:
            assert job["state"] == "COMPLETED"
            assert ("gres/gpu=1" in job["tres"]) == wanted, name
    assert jobs["rule_train"][0]["memory"] == "2502M"
    assert jobs["rule_train"][0]["minutes"] == "6"


def test_a_job_that_finds_no_gpu_says_so(done):
    run_of = done.path / "results/tiny/seed0/original"
    assert "computing on the CPU" in text(done.path / "results/tiny/logs/train/seed0/original.log")
    assert json.loads((run_of / "record.json").read_text())["device"] == "cpu"


def test_logs_and_an_efficiency_report(done):
    (report,) = (done.path / "results" / "slurm_efficiency").glob("*.csv")
    assert "rule_train" in report.read_text()
    assert not list((done.path / "results" / "slurm_logs").rglob("*.log")), "only those of failed jobs are kept"


def test_through_every_failure_to_the_same_results(cluster, uninterrupted, tmp_path):
    clone = ClusterClone.make(tmp_path / "clone")
    clone.write_experiment("long", **uninterrupted.changes)
    original, unlearned = (clone.path / LONG_RUN / method for method in ("original", "uno"))
    memory = "train_classifier:mem_mb=120 if attempt == 1 else 3000"

    # A first training job is cancelled, and the judge's first job gets less memory than torch needs.
    with clone.start("--set-resources", memory, "--", TARGET) as process:
        wait_for((original / "model.resume").exists, "the original's training")
        (cancelled,) = clone.running("train_wildcards_long_0_original")
        run("scancel", cancelled)

        # Its second attempt goes on where the first was; the controller is gone for a while meanwhile.
        wait_for(lambda: "resuming from" in text(clone.path / TRAINING_LOG), "the second attempt of the training", 120)
        cluster.stop_controller()
        wait_for((original / "model.safetensors").exists, "the training to end without a controller")
        cluster.start_controller()

        # Unlearning is preempted and goes back to the queue; when it runs again, Snakemake is killed.
        wait_for((unlearned / "model.resume").exists, "unlearning", 240)
        (preempted,) = clone.running("unlearn")
        run("scontrol", "requeue", preempted)
        wait_for(lambda: "asked to stop" in text(clone.path / UNLEARNING_LOG), "the preempted job to save its state")
        wait_for(lambda: "resuming from" in text(clone.path / UNLEARNING_LOG), "the requeued job", 120)
        assert process.poll() is None
    assert process.returncode == -signal.SIGKILL
    assert not (unlearned / "metrics.json").exists()

    # The same command again: it ends the orphan, if there still is one, and goes on.
    clone.run(TARGET)
    for method in ("original", "retrain", "uno"):
        file = f"{LONG_RUN}/{method}/model.safetensors"
        assert (clone.path / file).read_bytes() == (uninterrupted.path / file).read_bytes(), method
    assert trajectory(clone.path / LONG_RUN / "uno") == trajectory(uninterrupted.path / LONG_RUN / "uno")
    assert results_of(clone.path / TARGET) == results_of(uninterrupted.path / TARGET)
    assert not list(clone.path.rglob("*.resume"))

    by_rule = {}
    for job in clone.jobs():
        by_rule.setdefault(job["comment"].split("_wildcards")[0], []).append(job)
    judged = by_rule["rule_train_classifier"]
    assert [job["state"] for job in judged][-1] == "COMPLETED"
    assert judged[0]["state"].split()[0] in {"OUT_OF_MEMORY", "FAILED", "CANCELLED"}
    assert {job["state"].split()[0] for job in by_rule["rule_train"]} == {"CANCELLED", "COMPLETED"}
    assert not any("gres/gpu" in job["tres"] for job in clone.jobs()), "an experiment on CPUs takes no GPU"
    finished = [job["comment"] for job in clone.jobs("COMPLETED")]
    assert len(finished) == len(set(finished)), "something finished was done again"


def test_a_time_limit_costs_nothing_but_another_attempt(tmp_path):
    clone = ClusterClone.make(tmp_path / "clone")
    clone.write_experiment("long", seeds=[0], training__epochs=6000)
    folder = clone.path / LONG_RUN / "original"
    with clone.start("results/long/seed0/original/model.safetensors") as process:
        wait_for(lambda: clone.running("train"), "training")
        (first,) = clone.running("train")
        wait_for((folder / "model.resume").exists, "state")
        run("scontrol", "update", f"JobId={first}", "EndTime=now")
        wait_for(lambda: "asked to stop" in text(clone.path / TRAINING_LOG), "the time limit", 90)
        wait_for(lambda: "resuming from" in text(clone.path / TRAINING_LOG), "the next attempt", 120)
        assert process.poll() is None
        (second,) = clone.running("train")
    assert second != first
    assert {job["id"]: job["state"] for job in clone.jobs()}[first] == "TIMEOUT"
    run("scancel", "--signal=KILL", "--full", second)
    wait_for(lambda: not clone.running("train"), "the end of the job, which would outlive its cluster")


@pytest.mark.parametrize(
    ("old", "new"), [("account: lab", "account: nobody"), ("# slurm_partition: main", "slurm_partition: x")]
)
def test_a_wrong_account_or_partition_is_named_before_any_job(tmp_path, old, new):
    clone = ClusterClone.make(tmp_path / "clone")
    clone.write_experiment()
    clone.replace(PROFILE, old, new)
    refused = clone.snakemake()
    output = refused.stdout + refused.stderr
    assert refused.returncode != 0
    assert "SLURM would refuse every job" in output
    assert "your accounts: lab (QOS normal)" in output
    assert "partitions: main" in output
    assert clone.made() == []


def text(path):
    return path.read_text() if path.exists() else ""

"""What `make bench` measures of the workflow, on settings as small as they can be."""

from benchmarks.workflow import Run, empty_job, plan
from unlearning.config.strict_yaml import read_yaml
from unlearning.io.files import ROOT


def small_digits():
    """The experiment with few steps, samples and networks."""
    digits = read_yaml("configs/digits.yaml")
    of_steps = {"steps": 2, "samples": 100, "measure": [{"until": 2, "every": 1}]}
    return {
        "seeds": [0],
        "methods": {"finetune": {}},
        "figures": ["samples"],
        "training": digits["training"] | {"epochs": 1},
        "judge": digits["judge"] | {"networks": 2, "epochs": 1},
        "unlearning": digits["unlearning"] | of_steps,
        "evaluation": digits["evaluation"]
        | {"samples": 100, "elbo_draws": 1, "metrics": ["forget_fraction", "time_to_unlearn"]},
    }


def test_an_experiment_runs_once_and_later_runs_have_nothing_to_do(tmp_path):
    run = Run(ROOT, tmp_path / "copy", small_digits())
    first = run.make()
    table = tmp_path / "copy" / "results" / "digits" / "table.md"
    made = table.stat().st_ino, table.read_bytes()
    assert first["processor_seconds"] > run.make()["processor_seconds"]
    assert run.make_after_touch()["seconds"] > 0
    assert (table.stat().st_ino, table.read_bytes()) == made
    assert run.report()["seconds"] > 0
    assert (tmp_path / "copy" / "results" / "report.html").is_file()


def test_a_plan_counts_its_jobs():
    planned = plan(ROOT, experiments=2, seeds=2, methods=2)
    assert planned["jobs"] > 2 * 2 * 2 * 2
    assert planned["seconds"] > 0
    assert planned["peak_mib"] > 50


def test_an_empty_job_costs_something():
    """By processor time: on a busy machine, the clock may run longer for one job than for five."""
    assert empty_job(4)["processor_seconds"] > 0

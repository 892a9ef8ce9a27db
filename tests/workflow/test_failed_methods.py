"""One failed method costs its own row: all else is made, the exit status is not 0, and the next run tries it again."""

import json

import pandas as pd
import pytest

from ..clone import METHODS, UNO, results_of

METHOD = '''"""Fine-tunes, and fails."""

import os
import signal
from pathlib import Path

import torch

PARAMETERS = {}


def direction(step):
    """The retain gradient."""
    if step.number == 3:
        FAILURE
    return step.retain.gradient
'''
FAILURES = {
    # One seed's job raises an error, the other one's is killed as by the system when memory is short.
    "broken": """try:
            Path("killed").touch(exist_ok=False)
        except FileExistsError:
            raise ValueError("a mistake of the method") from None
        os.kill(os.getpid(), signal.SIGKILL)""",
    # What it leaves cannot be evaluated.
    "unjudged": 'step.model.register_buffer("surplus", torch.zeros(1))',
}
SHOWN = ["forget_fraction", "class_histograms"]  # without files of failed runs, all are drawn in tests/unit/figures
OTHERS = ["original", "retrain", "finetune", "ascent", "uno"]


@pytest.fixture
def failing(copy):
    for name, failure in FAILURES.items():
        (copy.path / f"scripts/unlearning/methods/{name}.py").write_text(METHOD.replace("FAILURE", failure))
    methods = {"finetune": {}, "ascent": METHODS["ascent"], **{name: {} for name in FAILURES}, "uno": UNO}
    copy.write_experiment(methods=methods, figures=SHOWN)
    return copy


def test_failed_methods_cost_their_own_rows_alone_and_are_tried_again(failing):
    results = failing.path / "results" / "tiny"
    before = {row: results_of(results / f"seed0/{row}/metrics.json") for row in OTHERS}
    done = failing.snakemake("--cores", "2")
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert "ValueError: a mistake of the method" in output
    table = pd.read_csv(results / "table.csv", dtype=str).set_index("Method")
    assert list(table.index) == ["original", "retrain", "finetune", "ascent", "broken", "unjudged", "uno"]
    for name, rule in (("broken", "unlearn"), ("unjudged", "evaluate")):
        logs = [f"logs/{rule}/seed{seed}/{name}.log" for seed in (0, 1)]
        assert table["Runs"][name] == f"2, 2 failed ({', '.join(logs)})"
        assert set(table.loc[name].drop("Runs")) == {"–"}
        for log in logs:
            assert (results / log).is_file()
            assert f"see results/tiny/{log}" in output
    assert {row: results_of(results / f"seed0/{row}/metrics.json") for row in OTHERS} == before
    assert "broken (2 of 2)" in (results / "table.md").read_text()
    runs = {(run["method"], run["seed"]): run for run in json.loads((results / "manifest.json").read_text())["runs"]}
    assert runs["broken", 1]["status"] == "failed"
    assert len(runs) == 2 * 7
    assert "failed" in (results / "figures" / "class_histograms.svg").read_text()
    failing.run("--report", "results/report.html")

    pending = {"unlearn": 2, "evaluate": 4, "aggregate": 1, "write_table": 2, "draw_figure": len(SHOWN)}
    pending |= {"write_explorer": 1, "write_manifest": 1}
    assert failing.pending() == pending
    for name in FAILURES:
        (failing.path / f"scripts/unlearning/methods/{name}.py").write_text(METHOD.replace("FAILURE", "pass"))
    assert failing.pending() == pending | {"unlearn": 4}
    failing.run("--cores", "2")
    table = pd.read_csv(results / "table.csv", dtype=str).set_index("Method")
    assert set(table["Runs"].drop("ascent")) == {"2"}
    assert "failed" not in (results / "table.md").read_text()
    assert failing.pending() == {}
    failing.run("--report", "results/report.html")

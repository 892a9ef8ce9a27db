"""Published results: what they hold, and when a page says that they are stale."""

import json
import shutil
import subprocess
import sys

import pandas as pd
import pytest


@pytest.fixture
def python(copy):
    def call(*arguments):
        return subprocess.run(
            [sys.executable, *arguments], cwd=copy.path, capture_output=True, text=True, check=False, encoding="utf-8"
        )

    return call


def test_published_results_hold_the_numbers_of_the_run_and_say_themselves_when_they_are_stale(copy, python):
    shutil.rmtree(copy.path / "docs" / "results")  # those of other experiments would take most of the time
    done = python("scripts/publish_results.py")
    assert done.stdout == "docs/results/tiny\n", done.stderr
    published, run = copy.path / "docs" / "results" / "tiny", copy.path / "results" / "tiny"

    cells = pd.read_csv(published / "panels" / "forgetting.csv")
    shown = cells[(cells["row"] == "retrain") & (cells["metric"] == "forget_fraction")]["value"].item()
    values = pd.read_csv(run / "metrics.csv").query("metric == 'forget_fraction' and method == 'retrain'")["value"]
    assert shown == f"{values.mean():.2f} ± {values.std():.2f}"
    assert (published / "comparisons.csv").read_bytes() == (run / "comparisons.csv").read_bytes()
    numbers = pd.read_csv(published / "metrics.csv").query("metric == 'forget_fraction' and method == 'retrain'")
    assert numbers["value"].to_numpy() == pytest.approx(values.to_numpy(), rel=1e-5)
    captions = json.loads((published / "captions.json").read_text())
    assert captions["table"] == (run / "table.rst").read_text().strip()
    statistics = pd.read_csv(published / "figures" / "statistics_effect.csv").set_index(["Method", "Quantity"])
    assert statistics.loc[("retrain", "Forget fraction (%)"), "retain"] == shown
    figures = {path.stem for path in (published / "figures").iterdir() if path.suffix != ".csv"}
    assert figures == {path.stem for path in (run / "figures").glob("*.svg")} | {"before_after_summary"}

    provenance = json.loads((published / "provenance.json").read_text())
    recorded = {entry["code"] for entry in json.loads((run / "manifest.json").read_text())["runs"]}
    assert recorded == {code for kind, code in provenance["code"].items() if kind.startswith(("train", "unlearn/"))} - {
        provenance["code"]["train_classifier"]
    }
    records = [json.loads((run / f"seed{seed}" / "uno" / "record.json").read_text()) for seed in (0, 1)]
    assert sum(record["seconds"] for record in records) / 60 < provenance["minutes"]["unlearn/uno"] < 5

    def status():
        (line,) = (line for line in python("scripts/show_stale_results.py").stdout.splitlines() if "tiny" in line)
        return line.removeprefix("tiny").strip()

    assert status() == "of today's code"
    copy.replace("scripts/unlearning/reporting/panels.py", "MOST = 5", "MOST = 4")
    assert status() == "of today's code", "no job of the runs uses it"
    copy.replace("scripts/unlearning/methods/uno.py", "return torch.add(g_r, ", "return torch.add(1.0 * g_r, ")
    assert status().endswith("(unlearn/uno, evaluate)")
    refused = python("scripts/publish_results.py")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "seed0/uno: made by other code than today's (unlearn/uno); run the experiment again" in refused.stderr
    copy.replace("configs/tiny.yaml", "finetune: {}", "finetune: {learning_rate: 1e-5}")
    assert status().endswith("(unlearn/finetune, unlearn/uno, evaluate)")
    copy.replace("scripts/unlearning/models/vae.py", "0.5 * (", "0.6 * (")
    methods = "unlearn/finetune, unlearn/ascent, unlearn/uno"
    assert status().endswith(f"(train, {methods}, build_reference, evaluate)")


def test_an_experiment_without_results_is_not_published_and_the_message_says_how_to_run_it(python):
    done = python("scripts/publish_results.py", "mnist")
    assert done.returncode == 1
    assert "no finished results. Make them: snakemake -c2 --config 'experiments=[mnist]'" in done.stderr

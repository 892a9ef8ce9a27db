"""What a finished run leaves: every promised file, with what it promises."""

import csv
import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open

from unlearning.io.files import sha256_of, sha256_of_file

from ..clone import FIGURES

ROWS = ["original", "retrain", "finetune", "ascent", "uno"]
NAMES = ["Original", "Retrained", "Fine-tuning", "Gradient ascent", "UNO"]


@pytest.fixture(scope="module")
def results(finished):
    return finished.path / "results" / "tiny"


def test_table_has_every_method_in_order_and_shows_the_diverged_runs(results):
    table = pd.read_csv(results / "table.csv", index_col="Method")
    assert list(table.index) == ROWS
    markdown = (results / "table.md").read_text()
    for panel in markdown.split("### ")[1:]:
        assert re.findall(r"^\| (\w[\w -]*?) *\|", panel, re.M) == ["Method", *NAMES]
    assert re.search(r"^Runs of Gradient ascent: 2, 2 diverged \(step \d+, \d+\)\.$", markdown, re.M)
    latex = (results / "table.tex").read_text()
    assert latex.count(r"\begin{tabular}{l") == markdown.count("### ") > 2
    rows = re.findall(r"^(\w[\w -]*?) & .*\\\\$", latex, re.M)
    assert list(dict.fromkeys(rows)) == ["Method", *NAMES]


def test_metrics_name_their_origin_and_agree_with_the_files_of_the_runs(results, finished):
    table = pd.read_csv(results / "metrics.csv")
    assert set(table["method"]) == set(ROWS)
    assert set(table["seed"]) == {0, 1}
    for method in ROWS:
        for seed in (0, 1):
            run = results / f"seed{seed}" / method
            metrics = json.loads((run / "metrics.json").read_text())
            record = json.loads((run / "record.json").read_text())
            assert metrics["run"]["config_sha256"] == record["config_sha256"] == sha256_of(record["settings"])
            assert metrics["evaluation"]["inputs_sha256"]["model"] == sha256_of_file(run / "model.safetensors")
            assert record["environment"]["packages"]["torch"]
            rows = table[(table["method"] == method) & (table["seed"] == seed)].set_index("metric")
            for name, value in metrics["metrics"].items():
                np.testing.assert_equal(rows.loc[name, "value"], np.nan if value["value"] is None else value["value"])


def test_forget_fraction_of_a_run_is_the_mean_over_the_networks_of_the_judge(results):
    for method in ("original", "uno"):
        metrics = json.loads((results / "seed0" / method / "metrics.json").read_text())
        samples = np.load(results / "seed0" / method / "samples.npz")
        assert samples["images"].shape == (200, 1, 8, 8)
        counts = np.array(metrics["class_counts"])
        assert counts.shape == (2, 10)
        assert len(samples["classes"]) == 200
        np.testing.assert_array_equal(counts.sum(1), 200)
        assert metrics["metrics"]["forget_fraction"]["value"] == 100 * counts[:, 0].mean() / 200


def test_a_diverged_run_has_no_numbers_but_its_trajectory(results):
    metrics = json.loads((results / "seed0" / "ascent" / "metrics.json").read_text())
    assert metrics["status"] == "diverged"
    assert metrics["metrics"]["fid_retain"]["value"] is None
    assert metrics["metrics"]["sustained_crossing_steps"] == {
        "value": metrics["last_step"],
        "low": None,
        "high": None,
        "censored": True,
        "undecided": False,
    }
    with (results / "seed0" / "ascent" / "steps.csv").open() as file:
        assert len(list(csv.DictReader(file))) == metrics["last_step"]


def test_judge_is_measured_on_held_out_images(results):
    accuracy = json.loads((results / "judge" / "accuracy.json").read_text())
    confusion = np.array(accuracy["confusion_true_by_predicted"])
    assert accuracy["heldout_images"] == confusion.sum() == 360
    assert accuracy["heldout_accuracy"] == confusion.trace() / 360 > 0.8
    assert len(set(accuracy["heldout_accuracy_by_network"])) == 2


def test_retrained_models_never_saw_the_forget_set_and_originals_do_not_depend_on_it(results):
    retrain = json.loads((results / "seed0" / "retrain" / "record.json").read_text())
    original = json.loads((results / "seed0" / "original" / "record.json").read_text())
    assert set(retrain["inputs_sha256"]) == {"dataset", "forget_set"}
    assert set(original["inputs_sha256"]) == {"dataset"}
    forget_set = json.loads((results / "forget_set.json").read_text())
    assert forget_set["forgotten_classes"] == [0]
    assert len(forget_set["forget"]) == 142


def test_models_carry_their_configuration_and_adams_state(results):
    folder = results / "seed0" / "original"
    with safe_open(folder / "model.safetensors", framework="np") as file:
        model = json.loads(file.metadata()["content"])["header"]["model"]
        assert model == {"vae": {"hidden_units": 128, "latent_dimensions": 8}}
        weights = {name for name in file.keys() if "running" not in name and "tracked" not in name}  # noqa: SIM118
    with safe_open(folder / "optimizer.safetensors", framework="np") as file:
        moments = set(file.keys())
    assert moments == {"step", *(f"{name}.{part}" for name in weights for part in ("exp_avg", "exp_avg_sq"))}
    assert len((folder / "losses.csv").read_text().splitlines()) == 1 + 3


def test_manifest_says_what_was_run_with_what(results, finished):
    manifest = json.loads((results / "manifest.json").read_text())
    assert manifest["command"] == "snakemake --cores 2"
    assert manifest["configuration"]["seeds"] == [0, 1]
    assert manifest["configuration_sha256"] == sha256_of(manifest["configuration"])
    assert manifest["data"]["sha256"] == sha256_of_file(finished.path / "data" / "digits" / "prepared.safetensors")
    assert manifest["data"]["licence"]
    assert manifest["environment"]["cpu"]
    assert {(run["method"], run["seed"]) for run in manifest["runs"]} == {
        (row, seed) for row in ROWS for seed in (0, 1)
    }
    assert all(run["threads"] == 1 and run["device"] == "cpu" and run["packages"]["torch"] for run in manifest["runs"])
    for run in manifest["runs"]:
        record = json.loads((results / f"seed{run['seed']}" / run["method"] / "record.json").read_text())
        assert run["peak_memory_mib"] == record["peak_memory_mib"] > 0


def test_every_figure_is_there_in_both_formats_with_its_caption(results):
    for name in FIGURES:
        for suffix in (".pdf", ".svg", ".rst"):
            assert (results / "figures" / f"{name}{suffix}").stat().st_size > 100


def test_every_file_of_the_tree_is_documented(finished):
    documented = (finished.path / "results" / "README.md").read_text()
    for path in [*(finished.path / "results").rglob("*"), *(finished.path / "data").rglob("*")]:
        if path.is_file() and path.name != "README.md":
            name = ".basis/" if ".basis" in path.parts else path.name
            if path.parent.name == "figures":
                name = re.sub("|".join(FIGURES), "{figure}", name, count=1)
            if "logs" in [part.name for part in path.parents]:
                name = "logs/"
            assert f"`{name}`" in documented, path


def test_nothing_half_written_is_left(finished):
    leftovers = [path for path in finished.path.rglob("*") if path.suffix in (".tmp", ".resume")]
    assert leftovers == []


def test_shown_results_name_table_figures_and_report(copy):
    done = subprocess.run(
        [sys.executable, "scripts/show_results.py", "results/report.html", "0"],
        cwd=copy.path,
        capture_output=True,
        text=True,
        check=True,
    )
    for part in (*NAMES, "results/tiny/table.md", "results/tiny/figures", "results/report.html"):
        assert part in done.stdout
    assert (copy.path / "results/report.html").is_file()

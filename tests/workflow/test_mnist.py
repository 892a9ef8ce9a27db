"""The UNO paper's experiment on real MNIST, made very small, and its verdicts."""

import json

import numpy as np
import pandas as pd
import pytest

import aggregate
import evaluate
import unlearn
from unlearning.config.experiment import REFERENCES, method_settings
from unlearning.config.load import load_experiment
from unlearning.networks import running_statistics
from unlearning.reporting import published
from unlearning.reporting.quantities import read_published, read_quantities
from unlearning.reporting.results import Results

from ..clone import FEW_BATCHES, ROOT, UNO, Clone, trajectory

SWAPPED = {
    "algorithm": "uno_histogram",
    "orthogonality_weight": 0,
    "histogram_weight": 1e3,
}


# Without likelihoods: those of 70,000 images would take most of the time, and belong to no published number.
METRICS = ["forget_fraction", "fid", "time_to_unlearn", "step_time", "as_published", "cost"]
FIGURES = ["latent_space", "published", "paper_summary", "corrected_code"]


@pytest.fixture(scope="module")
def checked(mnist_source, tmp_path_factory):
    clone = Clone.make(tmp_path_factory.mktemp("mnist") / "clone")
    clone.estimate_statistics_of_few_images()
    clone.write_experiment(
        base="mnist-small",
        seeds=[0],
        training__epochs=1,
        judge__epochs=1,
        guide__epochs=1,
        unlearning__steps=5,
        unlearning__measure=[{"until": 5, "every": 5}],
        evaluation__samples=300,
        evaluation__elbo_draws=...,
        evaluation__metrics=METRICS,
        figures=FIGURES,
        methods={"surgery_retain": {}, "uno": UNO, "uno_as_run": SWAPPED},
    )
    output = clone.run("--cores", "2", "all", "check", "--config", f"data_source={mnist_source}")
    return clone.path / "results" / "tiny", output


def test_check_prints_every_published_cell_of_the_data_set_with_a_verdict_and_a_reason(checked):
    results, output = checked
    published = read_published([ROOT / "published" / f"{name}.csv" for name in ("uno", "uno-corrected")])
    verdicts = pd.read_csv(results / "verdicts.csv")
    assert len(verdicts) == (published["dataset"] == "mnist").sum()
    assert set(verdicts["Verdict"]) <= {"reproduced", "not reproduced", "not comparable"}
    assert verdicts["Reason"].str.len().min() > 5
    for line in (results / "verdicts.md").read_text().splitlines():
        assert line in output
    missing = verdicts[~verdicts["Method"].isin(["original", "surgery_retain", "uno"])]
    assert set(missing["Verdict"]) == {"not comparable"}
    uno = verdicts[verdicts["Method"] == "uno"].set_index("Quantity")
    assert "surgery_retain" in uno.loc["time per step (ms)", "Ours, as published"]


def test_both_protocols_are_in_the_table_and_explained_below_it(checked):
    table = (checked[0] / "table.md").read_text()
    for part in (
        "Steps, as published",
        "FID, as published",
        "Steps to unlearn",
        "128 fixed latents",
        "the guide classifies the images (",
    ):
        assert part in table


def test_the_two_classifiers_are_two(checked):
    results, _ = checked
    accuracy = {name: json.loads((results / name / "accuracy.json").read_text()) for name in ("judge", "guide")}
    assert accuracy["judge"] != accuracy["guide"]
    assert min(each["heldout_accuracy"] for each in accuracy.values()) > 0.85
    manifest = json.loads((results / "manifest.json").read_text())
    assert manifest["guide"] == accuracy["guide"]


def test_published_steps_follow_from_the_counts_of_the_128(checked):
    for run in ("seed0/uno_as_run", "seed0/surgery_retain"):
        metrics = json.loads((checked[0] / run / "metrics.json").read_text())["metrics"]
        counts = pd.read_csv(checked[0] / run / "steps.csv")["published_forgotten"]
        below = np.flatnonzero(counts <= 0.02 * 128)
        assert metrics["published_steps"]["value"] == (below[0] + 1 if len(below) else len(counts))
        assert metrics["published_five_step_forget_fraction"]["value"] == counts[4] / 128


def test_every_figure_of_the_experiment_is_drawn(checked):
    for name in FIGURES:
        assert (checked[0] / "figures" / f"{name}.svg").stat().st_size > 10_000


def test_every_row_runs_and_is_judged(checked, tmp_path, monkeypatch):
    """In this process, on what the workflow made: 38 jobs of Snakemake's would take minutes."""
    monkeypatch.setattr(running_statistics, "BATCHES", FEW_BATCHES)
    results, _ = checked
    clone = results.parents[1]
    experiment = load_experiment("tiny", clone) | {"methods": load_experiment("mnist-small")["methods"]}
    common = {
        "device": "cpu",
        "code": "",
        "dataset": clone / "data" / "mnist" / "prepared.safetensors",
        "forget_set": results / "forget_set.json",
        "judge": results / "judge" / "model.safetensors",
        "guide": results / "guide" / "model.safetensors",
    }
    original = results / "seed0" / "original" / "model.safetensors"
    names = {
        "model": "model.safetensors",
        "steps": "steps.csv",
        "measurements": "counts.csv",
        "transformation": "transformation.npz",
        "record": "record.json",
    }
    for method in experiment["methods"]:
        (tmp_path / method).mkdir()
        settings = method_settings(experiment, method)
        left = {argument: tmp_path / method / name for argument, name in names.items()}
        run = {"experiment": "tiny", "method": method, "seed": 0}
        unlearn.main(settings=settings, original=original, moments=None, proxy=None, **run, **common, **left)
        evaluate.main(
            settings=experiment["evaluation"],
            other_seed=None,
            attribute=None,
            weights=None,
            reference=results / "reference.safetensors",
            metrics=tmp_path / method / "metrics.json",
            samples=tmp_path / method / "samples.npz",
            **common,
            **left,
        )
    for method in ("surgery_retain", "uno_as_run"):  # the same as in a job of its own
        assert trajectory(tmp_path / method) == trajectory(results / "seed0" / method)
    runs = [folder / "metrics.json" for folder in (results / "seed0" / name for name in REFERENCES)]
    runs += [tmp_path / method / "metrics.json" for method in experiment["methods"]]
    aggregate.main(
        experiment="tiny",
        methods=experiment["methods"],
        seeds=experiment["seeds"],
        failed=[],
        metrics=experiment["evaluation"]["metrics"],
        dataset="mnist",
        selection=experiment["forget_set"],
        results=runs,
        table=tmp_path / "metrics.csv",
    )
    accuracy = [results / name / "accuracy.json" for name in ("judge", "guide")]
    found = Results.read(experiment, tmp_path / "metrics.csv", accuracy, results / "forget_set.json")
    assert set(found.metrics["method"]) == {*REFERENCES, *experiment["methods"]}
    assert found.metrics["status"].eq("finished").all()
    quantities = read_quantities(ROOT / "published" / "quantities.yaml")
    verdicts = published.verdicts(found, pd.read_csv(ROOT / "published" / "uno.csv"), quantities)
    assert verdicts["Method"].isin(experiment["methods"]).sum() == len(verdicts) - 1  # the other is the original
    assert (verdicts["Ours, as published"] != "–").all()

"""The tidy table and the main table, from made-up results whose answers are known."""

import dataclasses
import json

import numpy as np
import pytest

from unlearning.reporting.panels import panel_metrics
from unlearning.reporting.summary import caption as caption_of
from unlearning.reporting.summary import failed_result, main_table, retrained_above_threshold, tidy

from ..made_up import CLASSES, DESCRIPTIONS, EXPERIMENT, FID, METHODS, contents, write_results


def caption(results):
    return caption_of(results, list(panel_metrics(results)))


@pytest.fixture(scope="module")
def runs():
    return contents()


@pytest.fixture(scope="module")
def table(runs):
    return tidy(runs, DESCRIPTIONS, CLASSES)


def test_tidy_has_one_row_per_method_seed_and_metric(table):
    names = (
        "experiment method seed metric value low high censored undecided normalised unit status last_step config_sha256"
    )
    assert list(table.columns) == [*names.split(), "commit", "metrics_sha256", "log"]
    assert not table.duplicated(["experiment", "method", "seed", "metric"]).any()
    finished = table[table["method"] != "ascent"]
    assert len(finished) == (len(METHODS) - 1) * 3 * (len(DESCRIPTIONS) + 10)
    assert set(table[table["method"] == "ascent"]["status"]) == {"diverged"}
    assert len(table[table["method"] == "ascent"]) == 3 * len(DESCRIPTIONS)


def test_shares_of_classes_add_up(table):
    shares = table[table["metric"].str.startswith("class_share_")]
    np.testing.assert_allclose(shares.groupby(["method", "seed"])["value"].sum(), 100)


def test_scale_runs_from_the_original_to_the_retrained_model(table):
    fid = table[table["metric"] == "fid_retain"].groupby("method")["normalised"].mean()
    assert fid["original"] == pytest.approx(0)
    assert fid["retrain"] == pytest.approx(1)
    assert fid["uno"] == pytest.approx(0.75)


def test_metrics_that_declare_it_have_the_scale(table):
    scaled = set(table.loc[table["normalised"].notna(), "metric"])
    assert scaled == {name for name, entry in DESCRIPTIONS.items() if entry.get("normalised")}
    assert {"forget_fraction", "fid_retain", "negative_elbo_heldout_retain"} < scaled
    assert not scaled & {"total_seconds", "peak_memory", "ms_per_step", "step_time_ratio", "published_steps"}


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_text_of_values_that_are_not_finite_becomes_numbers(runs):
    ruined = json.loads(json.dumps(runs))
    ruined[-1]["metrics"]["fid_retain"]["value"] = "inf"
    table = tidy(ruined, DESCRIPTIONS, CLASSES)
    assert np.isinf(table.loc[table["metric"] == "fid_retain", "value"].iloc[-1])
    assert "∞" in main_table(table, DESCRIPTIONS).loc["uno_strong", FID]


def test_main_table_by_hand(table):
    formatted = main_table(table, DESCRIPTIONS)
    assert list(formatted.index) == METHODS
    assert formatted.loc["finetune", FID] == "4.10 ± 0.10"
    assert formatted.loc["ascent", "Runs"] == "3, 3 diverged (step 37, 38, 39)"
    assert formatted.loc["ascent", FID] == "–"
    assert formatted.loc["original", "Steps to unlearn (steps)"] == "–"
    # Kaplan-Meier medians: all reached; none, watched until 100, 200 and 300; two of three, the third undecided.
    assert formatted.loc["finetune", "Steps to unlearn (steps)"] == "200 (3/3)"
    assert formatted.loc["uno", "Steps to unlearn (steps)"] == "> 200 (0/3)"
    assert formatted.loc["uno_s", "Steps to unlearn (steps)"] == "200 (2/3, 1 undecided)"


def test_the_main_table_counts_what_its_means_leave_out(runs):
    partial = json.loads(json.dumps(runs))
    last = partial[-1]["metrics"]
    last["fid_retain"]["value"] = "nan"
    last["published_steps"]["censored"] = True
    formatted = main_table(tidy(partial, DESCRIPTIONS, CLASSES), DESCRIPTIONS).loc["uno_strong"]
    assert formatted[FID] == "4.05 ± 0.07 (2 of 3 runs)"
    assert formatted["Steps, as published (steps)"] == "4.10 ± 0.10 (2/3)"


def test_a_single_seed_has_no_spread(runs):
    table = tidy([result for result in runs if result["seed"] == 0], DESCRIPTIONS, CLASSES)
    assert main_table(table, DESCRIPTIONS).loc["finetune", FID] == "4.00"
    assert table["normalised"].isna().all()


def test_caption_of_the_table_names_conditions_and_columns(tmp_path):
    text = caption(write_results(tmp_path))
    for part in (
        "3 seeds",
        "98.0 % of 360 held-out images correctly. It recognises 31 of the 36 images to forget, and takes 2 of the 324",
        "10000 samples",
        "threshold of 2 %",
        "class 0",
        "Kaplan and Meier",
        "FID to retain data (judge features): Fréchet distance, on judge features, of 10000 samples from the 2 ret",
    ):
        assert part in text


@pytest.mark.parametrize("published", [True, False])
def test_the_caption_explains_the_published_protocol_where_a_column_follows_it(tmp_path, published):
    results = write_results(tmp_path)
    metrics = [name for name in EXPERIMENT["evaluation"]["metrics"] if published or name != "as_published"]
    experiment = EXPERIMENT | {"evaluation": EXPERIMENT["evaluation"] | {"metrics": metrics}}
    text = caption(dataclasses.replace(results, experiment=experiment))
    assert ("protocol of the UNO paper" in text) == published
    assert ("the guide classifies the images (98.0 % of held-out images correctly)" in text) == published


def test_the_caption_warns_where_retrained_models_exceed_the_threshold(tmp_path):
    """Made-up retrained models have 2, 2.1 and 2.2 %, above a threshold of 2 %."""
    results = write_results(tmp_path)
    assert retrained_above_threshold(results) == pytest.approx(2.1)
    assert "**The threshold is below what retraining reaches**" in caption(results)
    reachable = EXPERIMENT | {"evaluation": EXPERIMENT["evaluation"] | {"threshold": 0.03}}
    assert retrained_above_threshold(dataclasses.replace(results, experiment=reachable)) is None
    assert "below what retraining reaches" not in caption(dataclasses.replace(results, experiment=reachable))


def test_the_caption_says_whether_intervals_contain_the_judges_error(tmp_path):
    results = write_results(tmp_path)
    assert "the disagreement of the judge's 2 networks" in caption(results)
    alone = dataclasses.replace(results, judge=results.judge | {"heldout_accuracy_by_network": [0.98]})
    assert "not the judge's error, because the judge has one network" in caption(alone)


def test_a_failed_run_is_a_row_that_names_its_log_and_changes_no_other_row(runs, table):
    failed = [{"method": "uno", "seed": seed, "log": f"logs/unlearn/seed{seed}/uno.log"} for seed in (1, 2)]
    others = [run for run in runs if (run["method"], run["seed"]) not in (("uno", 1), ("uno", 2))]
    lacking = tidy([*others, *(failed_result("digits", run, DESCRIPTIONS) for run in failed)], DESCRIPTIONS, CLASSES)
    formatted, whole = (main_table(each, DESCRIPTIONS) for each in (lacking, table))
    assert formatted.loc["uno", "Runs"] == "3, 2 failed (logs/unlearn/seed1/uno.log, logs/unlearn/seed2/uno.log)"
    assert formatted.loc["uno", FID] == "4.00"
    assert formatted.drop("uno").equals(whole.drop("uno"))
    assert formatted.loc["ascent", "Runs"] == "3, 3 diverged (step 37, 38, 39)"

"""No stale and no mixed result after files were lost, copied or replaced, or another clone worked in the same folder.

Snakemake's own memory, the folder `.snakemake`, is lost in all of these tests, as it is in those of test_reruns.py.
"""

import os
import shutil
import time

import pandas as pd
import pytest

from ..clone import CLOCKED, FIGURES, Clone

SUMMARY = {"aggregate": 1, "write_table": 2, "draw_figure": len(FIGURES), "write_explorer": 1, "write_manifest": 1}
EVALUATED = {"evaluate": 10, **SUMMARY}
UNLEARNED = {"unlearn": 6, "build_reference": 1, **EVALUATED}
TRAINED = {"select_forget_set": 1, "train_classifier": 1, "train": 4, **UNLEARNED}
ALL = {"fetch_dataset": 1, "prepare_dataset": 1, **TRAINED}
DIGITS = "scripts/unlearning/datasets/digits.py"
TABLE = "results/tiny/metrics.csv"


@pytest.fixture
def copy(copy):
    shutil.rmtree(copy.path / ".snakemake")
    return copy


def test_each_kind_of_setting_is_compared_with_what_the_results_rest_on(copy):
    for file, old, new, expected in (
        ("configs/tiny.yaml", "epochs: 5", "epochs: 6", {"train_classifier": 1, **UNLEARNED}),
        ("configs/tiny.yaml", "loss_reduction: sum", "loss_reduction: mean", {"unlearn": 6, "evaluate": 6, **SUMMARY}),
        (DIGITS, '"CC BY 4.0"', '"another licence"', ALL),
    ):
        copy.replace(file, old, new)
        assert copy.pending() == expected, new
        refused = copy.snakemake("--report=report.html")
        assert "was made with other settings, code or inputs; run Snakemake first" in refused.stderr
        copy.replace(file, new, old)
    assert copy.pending() == {}


def test_of_another_data_set_nothing_stays_though_only_the_paths_of_inputs_tell_the_difference(copy):
    """A mirrored copy of the digits: the settings of models and metrics, and the size of the file are the same."""
    code = (copy.path / DIGITS).read_text().replace("grey[order]", "grey[order][:, ::-1]")
    (copy.path / DIGITS).with_name("mirror.py").write_text(code.replace('"name": "digits"', '"name": "mirror"'))
    copy.replace("configs/tiny.yaml", "dataset: digits", "dataset: mirror")
    copy.run("--cores", "2", "data")
    assert copy.pending() == TRAINED


def test_a_run_after_partial_runs_of_other_settings_gives_the_table_of_the_first_run(copy, finished):
    copy.replace("configs/tiny.yaml", "orthogonality_weight: 1000.0", "orthogonality_weight: 10.0")
    copy.run("--cores", "2", "results/tiny/seed0/uno/metrics.json")
    shutil.rmtree(copy.path / ".snakemake")
    (copy.path / "results/tiny/seed1/finetune/metrics.json").unlink()
    copy.replace("configs/tiny.yaml", "orthogonality_weight: 10.0", "orthogonality_weight: 1000.0")
    copy.run("--cores", "2", TABLE)
    made, first = (numbers(clone.path / TABLE) for clone in (copy, finished))
    pd.testing.assert_frame_equal(made, first)


def numbers(table):
    rows = pd.read_csv(table).drop(columns=["commit", "metrics_sha256"])
    return rows[~rows["metric"].str.contains("|".join(CLOCKED))].reset_index(drop=True)


def test_results_that_were_copied_are_used_if_the_folders_of_statements_were_copied(copy, tmp_path):
    """As `cp -r` and `tar` do, which give new times or old ones and break links; `cp results/*` leaves some out."""
    there = Clone.make(tmp_path / "there")
    there.write_experiment()
    for folder in ("results/tiny", "data/digits"):
        shutil.copytree(copy.path / folder, there.path / folder, copy_function=shutil.copy, dirs_exist_ok=True)
    assert there.pending() == {}
    shutil.rmtree(there.path / "results/tiny/judge/.basis")
    assert there.pending() == {"train_classifier": 1, **UNLEARNED}


def test_files_of_another_seed_and_files_from_the_future_are_made_again(copy):
    results = copy.path / "results" / "tiny"
    shutil.rmtree(results / "seed0" / "original")
    shutil.copytree(results / "seed1" / "original", results / "seed0" / "original")
    shutil.copy2(results / "seed1/finetune/record.json", results / "seed0/finetune/record.json")
    copy.replace("configs/tiny.yaml", "margin: 0.01", "margin: 0.02")
    ahead = time.time() + 1e6
    for path in results.rglob("*"):
        os.utime(path, (ahead, ahead))
    assert copy.pending() == {"train": 1, "unlearn": 3, "build_reference": 1, **EVALUATED}


def test_two_clones_on_one_data_folder_never_use_what_the_other_clone_described_otherwise(copy, tmp_path):
    other = Clone.make(tmp_path / "other")
    other.write_experiment()
    other.replace(DIGITS, "grey[order]", "grey[order][:, ::-1]")
    shared = ("--config", f"data={copy.path / 'data'}")
    other.run("--cores", "2", "data", *shared)
    assert copy.pending() == ALL
    copy.run("--cores", "2", "data")
    assert other.pending(*shared)["prepare_dataset"] == 1
    assert copy.pending() == {}

"""What runs again, and what does not, after each kind of change to a finished run, and without Snakemake's memory."""

import os
import random
import shutil
from pathlib import Path

import pytest

from ..clone import FIGURES

SUMMARY = {"aggregate": 1, "write_table": 2, "draw_figure": len(FIGURES), "write_explorer": 1, "write_manifest": 1}
ONE_METHOD = {"unlearn": 2, "evaluate": 2, **SUMMARY}


@pytest.fixture
def copy(copy):
    shutil.rmtree(copy.path / ".snakemake")
    return copy


def test_nothing_after_nothing(copy):
    assert "Nothing to be done" in copy.run()


def test_a_job_that_the_user_forces_computes_again(copy):
    copy.run("results/tiny/metrics.csv", "--forcerun", "aggregate")
    assert "taken from before" not in (copy.path / "results/tiny/logs/aggregate.log").read_text()


def test_waiting_jobs_are_weighed_only_when_a_job_has_ended(copy):
    lost = FIGURES[:5]
    for name in lost:
        (copy.path / "results" / "tiny" / "figures" / f"{name}.svg").unlink()
    weighed = copy.run("--cores", "1", "--verbose").count("Ready jobs: ")
    assert 0 < weighed <= len(lost) + 2


def test_nothing_from_another_directory_after_touching_every_file_and_moving_the_clone(copy, tmp_path):
    files = [path for path in copy.path.rglob("*") if path.is_file() and ".snakemake" not in path.parts]
    random.Random(0).shuffle(files)
    for number, path in enumerate(files):
        time = path.stat().st_mtime + 1000 + number
        os.utime(path, (time, time))
    moved = Path(shutil.move(copy.path, tmp_path / "elsewhere"))
    arguments = ("--snakefile", str(moved / "Snakefile"), "--directory", str(moved))
    assert copy.pending(*arguments, cwd=tmp_path) == {}


def test_nothing_for_results_that_lie_elsewhere(copy, tmp_path):
    """`--directory` with another working directory than the repository: its results are found there."""
    for name in ("results", "data"):
        shutil.move(copy.path / name, tmp_path / "work" / name)
    arguments = ("--snakefile", str(copy.path / "Snakefile"), "--directory", str(tmp_path / "work"))
    assert copy.pending(*arguments, cwd=tmp_path) == {}


def test_an_edit_of_a_method_runs_that_method_and_what_follows_and_its_revert_nothing(copy):
    file = copy.path / "scripts" / "unlearning" / "methods" / "uno.py"
    before = file.read_text()
    copy.replace(file.relative_to(copy.path), "return torch.add(g_r, ", "return torch.add(1.0 * g_r, ")
    assert copy.pending() == ONE_METHOD
    file.write_text(before)
    assert copy.pending() == {}


def test_a_changed_value_of_a_method_runs_that_method_and_what_follows(copy):
    copy.replace("configs/tiny.yaml", "orthogonality_weight: 1000.0", "orthogonality_weight: 10.0")
    assert copy.pending() == ONE_METHOD
    files = [path for path in copy.path.glob("results/tiny/seed*/finetune/*") if path.is_file()]
    assert len(files) == 2 * 7
    before = {path: path.read_bytes() for path in files}
    copy.run("results/tiny/metrics.csv")
    assert {path: path.read_bytes() for path in before} == before
    assert copy.pending() == {rule: count for rule, count in SUMMARY.items() if rule != "aggregate"}


def test_another_learning_rate_of_one_method_runs_that_method_alone(copy):
    copy.replace("configs/tiny.yaml", "finetune: {}", "finetune: {learning_rate: 1e-5}")
    assert copy.pending() == ONE_METHOD


def test_a_new_threshold_measures_every_run_again_and_trains_nothing(copy):
    """Measurements near the threshold take more samples than others."""
    copy.replace("configs/tiny.yaml", "threshold: 0.02", "threshold: 0.05")
    assert copy.pending() == {"unlearn": 6, "evaluate": 10, **SUMMARY}


def test_other_metrics_that_need_other_numbers_of_images_evaluate_again_and_train_nothing(copy):
    copy.replace("configs/tiny.yaml", "- fid\n", "- kid\n")
    copy.replace("configs/tiny.yaml", "- tradeoff\n", "")
    assert copy.pending() == {"evaluate": 10, **SUMMARY, "draw_figure": len(FIGURES) - 1}


def test_an_edit_of_a_metric_evaluates_again_and_trains_nothing(copy):
    copy.replace("scripts/unlearning/metrics/cost.py", '(evidence.record["seconds"])', '(+evidence.record["seconds"])')
    assert copy.pending() == {"evaluate": 10, **SUMMARY}


def test_another_name_of_a_metrics_value_evaluates_again_and_trains_nothing(copy):
    copy.replace("scripts/unlearning/metrics/cost.py", '"total_seconds": {', '"whole_seconds": {')
    assert copy.pending() == {"evaluate": 10, **SUMMARY}


def test_another_label_of_a_metric_is_printed_and_evaluates_nothing(copy):
    copy.replace("scripts/unlearning/metrics/cost.py", '"label": "Whole run"', '"label": "The whole run"')
    assert copy.pending() == SUMMARY


def test_edits_of_words_and_of_what_the_experiment_does_not_use_run_nothing(copy):
    for file in ("README.md", "tests/unit/conftest.py", "scripts/unlearning/methods/surgery_mutual.py"):
        (copy.path / file).write_text((copy.path / file).read_text() + "\n")
    for file, old, new in (
        ("scripts/unlearning/models/vae.py", '"""Variational', '"""A variational'),
        ("scripts/unlearning/models/vae.py", '"description": "width of', '"description": "the width of'),
        ("scripts/unlearning/methods/uno.py", "PARAMETERS = {", "# A comment.\nPARAMETERS = {"),
        ("scripts/unlearning/training/train.py", "diverged in epoch", "ended in epoch"),
        ("scripts/unlearning/config/checks.py", "remove the row", "leave the row out"),
    ):
        copy.replace(file, old, new)
    assert copy.pending() == {}


def test_an_edit_of_the_loss_trains_again_but_the_judge(copy):
    copy.replace("scripts/unlearning/models/vae.py", "0.5 * (", "0.6 * (")
    assert copy.pending() == {"train": 4, "unlearn": 6, "build_reference": 1, "evaluate": 10, **SUMMARY}


def test_an_edit_of_a_figure_draws_that_figure(copy):
    copy.replace("scripts/unlearning/figures/tradeoff.py", "ms=6", "ms=7")
    assert copy.pending() == {"draw_figure": 1}


def test_an_edit_of_a_caption_draws_its_figure_and_an_edit_of_the_sentences_that_all_share_writes_all(copy):
    copy.replace("report/captions/tradeoff.j2", "Hollow: not every seed", "Hollow: not each seed")
    assert copy.pending() == {"draw_figure": 1}
    copy.replace("report/captions/conditions.j2", "held-out images correctly", "held-out images right")
    assert copy.pending() == {"write_table": 2, "draw_figure": len(FIGURES)}


def test_another_forget_set_leaves_the_originals_and_the_judge(copy):
    copy.replace("configs/tiny.yaml", "  - 0\nseeds", "  - 1\nseeds")
    expected = {"select_forget_set": 1, "train": 2, "unlearn": 6, "build_reference": 1, "evaluate": 10, **SUMMARY}
    assert copy.pending() == expected


def test_another_forget_set_hides_no_other_change(copy):
    """As it would if originals and judge had it as an `ancient` input, to wait for the selection."""
    copy.replace("configs/tiny.yaml", "  - 0\nseeds", "  - 1\nseeds")
    copy.replace("configs/tiny.yaml", "epochs: 5", "epochs: 6")
    copy.replace("configs/tiny.yaml", "epochs: 3", "epochs: 4")
    pending = copy.pending()
    assert (pending["train"], pending["train_classifier"]) == (4, 1)


def test_another_seed_trains_that_seed_alone(copy):
    copy.replace("configs/tiny.yaml", "seeds:\n- 0\n- 1\n", "seeds:\n- 0\n- 1\n- 2\n")
    # Evaluations depend on the reference, which then holds one more retrained model.
    assert copy.pending() == {"train": 2, "unlearn": 3, "build_reference": 1, "evaluate": 15, **SUMMARY}


def test_a_lost_result_is_made_again_when_it_is_needed(copy):
    (copy.path / "results" / "tiny" / "seed1" / "uno" / "model.safetensors").unlink()
    (copy.path / "results" / "tiny" / "seed1" / "uno" / "metrics.json").unlink()
    assert copy.pending() == {"unlearn": 1, "evaluate": 1, **SUMMARY}

"""The table of `make bench`: its arithmetic, its verdicts, whom it asks in which order, and what it counts."""

import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks import table, trees
from benchmarks.table import Bound


def test_ratios_and_verdicts():
    slow, quick = "digits, one seed, from nothing (s)", "digits again, nothing to do (s)"
    rows = table.rows_of({slow: {"today": 50.0, "base": 100.0}, quick: {"today": 3.5}, "other": {"today": 2048.0}})
    assert [(row["ratio"], row["verdict"]) for row in rows] == [(0.5, "missed"), (None, "met"), (None, None)]
    assert table.grid_of(rows)[1:] == [
        [slow, "50", "100", "0.5", "ratio ≤ 0.4: missed"],
        [quick, "3.5", "–", "–", "≤ 4: met"],
        ["other", "2,048", "–", "–", "–"],
    ]


@pytest.mark.parametrize(
    ("bound", "today", "ratio", "verdict"),
    [
        (Bound(18), 18.04, None, "met"),  # the table shows 18
        (Bound(18), 18.1, 0.5, "missed"),
        (Bound(0.4, of_ratio=True), 99, 0.4, "met"),
        (Bound(0.4, of_ratio=True), 0.1, 0.41, "missed"),
        (Bound(0.4, of_ratio=True), 0.1, None, "unknown"),
    ],
)
def test_a_bound_holds_for_what_the_table_shows(bound, today, ratio, verdict):
    assert bound.verdict(today, ratio) == verdict


def test_columns_have_equal_widths():
    assert table.to_text([["quantity", "bound"], ["a", "≤ 4: met"]]).splitlines() == [
        "quantity | bound",
        "---------+---------",
        "a        | ≤ 4: met",
    ]


def test_trees_take_turns_and_medians_are_kept():
    asked, values = [], iter([1.0, 10.0, 5.0, 30.0, 3.0, 20.0])

    def ask(name, tree):
        asked.append((name, tree))
        return {"some (s)": next(values)}

    both = {"today": Path("here"), "base": Path("there")}
    assert table.in_turn(both, 3, ask) == {"some (s)": {"today": 3.0, "base": 20.0}}
    assert asked == list(both.items()) * 3


def test_every_bound_is_one_of_a_quantity_that_is_measured(monkeypatch, tmp_path):
    class Run:
        def __init__(self, *_):
            pass

        def make(self):
            return {"seconds": 1.0, "processor_seconds": 2.0}

        make_after_touch = report = make

    of_steps = {"step of UNO / of uno as released": 0.5, "training loop / its arithmetic alone": 1.0}
    of_transformer = {name: 1.0 for name in table.BOUNDS if name.startswith("transformer: ")}
    of_modules = {"benchmarks.steps": of_steps, "benchmarks.differences": of_transformer}
    planned = {"jobs": 7, "seconds": 1.0, "peak_mib": 9}
    monkeypatch.setattr(table, "Run", Run)
    monkeypatch.setattr(table, "measured", of_modules.__getitem__)
    monkeypatch.setattr(table, "plan", lambda *_, **__: planned)
    monkeypatch.setattr(table, "empty_job", lambda _: {"processor_seconds": 0.5})
    everything = table.measure_all({"today": tmp_path, "base": tmp_path}, tmp_path)
    assert set(table.BOUNDS) < set(everything)
    assert [name for name, values in everything.items() if "base" not in values] == [
        "job of Snakemake with an empty script (processor s)",
        *of_steps,
        *of_transformer,
    ]


def test_a_process_that_the_command_starts_counts(tmp_path):
    (tmp_path / "burn.py").write_text("import time\nwhile time.process_time() < 0.6: pass")
    (tmp_path / "command.py").write_text("import subprocess, sys\nsubprocess.run([sys.executable, 'burn.py'])\n")
    used = trees.timed(["command"], tmp_path)
    assert used["processor_seconds"] > 0.6
    assert used["seconds"] > 0.6


def test_what_a_failed_command_printed_is_told(tmp_path):
    (tmp_path / "command.py").write_text("raise SystemExit('no coffee')")
    with pytest.raises(RuntimeError, match="no coffee"):
        trees.timed(["command"], tmp_path)


def test_a_commit_is_extracted_where_the_clone_has_it(tmp_path, monkeypatch):
    clone, folder = tmp_path / "clone", tmp_path / "base"
    git = ["git", "-C", str(clone), "-c", "user.name=n", "-c", "user.email=e"]
    for path in (clone, folder):
        path.mkdir()
    (clone / "file").write_text("old")
    for command in (["init", "-q"], ["add", "file"], ["commit", "-q", "-m", "subject"]):
        subprocess.run([*git, *command], check=True)
    (clone / "file").write_text("new")
    monkeypatch.setattr(trees, "ROOT", clone)
    assert trees.extract("HEAD", folder)
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"file": "old"}
    assert not trees.extract("0123456789", folder)
    shutil.rmtree(clone / ".git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert not trees.extract("HEAD", folder)
    monkeypatch.setenv("PATH", "")
    assert not trees.extract("HEAD", folder)


def test_a_benchmark_runs_with_the_library_of_the_repository(tmp_path, monkeypatch):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "library.py").write_text("VALUE = 3")
    (tmp_path / "benchmark.py").write_text("import library\nprint('{\"value\": %d}' % library.VALUE)")
    monkeypatch.setattr(trees, "ROOT", tmp_path)
    assert trees.measured("benchmark") == {"value": 3}

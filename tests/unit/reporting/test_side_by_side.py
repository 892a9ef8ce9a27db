"""Verdicts of several experiments on the same published numbers."""

import subprocess
import sys

import pandas as pd

from unlearning.reporting.quantities import read_published
from unlearning.reporting.side_by_side import side_by_side

from ...clone import ROOT


def verdicts(ours, verdict, published="2.7 ± 0.46", method="uno"):
    rows = [("original", "FID", "20.7", "20.6", "not comparable"), (method, "steps", published, ours, verdict)]
    return pd.DataFrame(rows, columns=["Method", "Quantity", "Published", "Ours, as published", "Verdict"])


def test_experiments_with_the_same_published_numbers_share_a_table():
    scratch, authors = verdicts("5.4 ± 0.5", "not reproduced"), verdicts("2.6 ± 0.5", "reproduced")
    other = verdicts("1", "reproduced", method="i2i")
    (table,) = side_by_side({"scratch": scratch, "other": other, "authors": authors})
    assert list(table.columns) == ["Method", "Quantity", "Published", "scratch", "authors"]
    assert list(table.iloc[1]) == ["uno", "steps", "2.7 ± 0.46", "5.4 ± 0.5: not reproduced", "2.6 ± 0.5: reproduced"]


def test_a_ratio_is_kept_where_one_experiment_has_it():
    ratio = "2.7 ± 0.46 (1.2 × surgery_retain)"
    tables = {"a": verdicts("5", "not comparable"), "b": verdicts("3 (1.1 × surgery_retain)", "reproduced", ratio)}
    (table,) = side_by_side(tables)
    assert list(table["Published"]) == ["20.7", ratio]


def test_a_single_experiment_has_no_such_table():
    assert side_by_side({"scratch": verdicts("5", "not reproduced"), "other": verdicts("1", "x", method="i2i")}) == []


def test_check_prints_the_tables_and_then_both_side_by_side(tmp_path):
    for name, table in (("a", verdicts("5", "not reproduced")), ("b", verdicts("3", "reproduced"))):
        (tmp_path / name).mkdir()
        table.to_csv(tmp_path / name / "verdicts.csv", index=False)
        (tmp_path / name / "verdicts.md").write_text(f"table of {name}", encoding="utf-8")
    code = (
        "import check; from pathlib import Path; folders = [Path('a'), Path('b')];"
        "verdicts = [[f / name for f in folders] for name in ('verdicts.md', 'verdicts.csv')];"
        f"check.main(*verdicts, Path('log'), Path({str(ROOT)!r}), ['mnist'])"
    )
    environment = {"PYTHONPATH": str(ROOT / "scripts"), "PYTHONIOENCODING": "utf-8"}
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, check=True, encoding="utf-8"
    ).stdout
    assert shown.index("table of a") < shown.index("table of b") < shown.index("side by side")
    assert "| 2.7 ± 0.46  | 5: not reproduced    | 3: reproduced        |" in shown
    assert (tmp_path / "log").read_text(encoding="utf-8") in shown
    _, later = shown.split("imagenet-dit\n")
    assert "| not run: needs ImageNet-1K" in later
    assert (
        later.count("not run") == (read_published([ROOT / "published" / "uno.csv"])["dataset"] == "imagenet_256").sum()
    )

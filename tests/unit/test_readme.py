"""The README: short enough for a phone, its numbers those of published results, its links and commands there."""

import re
import subprocess
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
LINES = TEXT.splitlines()
PUBLISHED = ROOT / "docs" / "results"
SECTIONS = ["What was found", "Quick start", "What is in it", "Where things are", "Documentation", "Cite", "Licence"]


def section(title):
    return TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def tables(text):
    """The tables of a text: for each its rows of cells, without the line below the header."""
    found = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    rows = [[re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()] for table in found]
    return [[[cell.strip() for cell in row] for row in (table[0], *table[2:])] for table in rows]


def panel_cells(folder):
    """The cells of the published panels of an experiment: a line for each row, a column for each header."""
    cells = pd.concat(pd.read_csv(path, dtype=str) for path in (folder / "panels").glob("*.csv"))
    return cells.pivot(index="method", columns="column", values="value")


def test_it_is_short_and_narrow():
    assert len(LINES) <= 120
    assert len(TEXT.encode()) <= 10_000
    assert [line for line in LINES if len(line) > 120] == []
    assert max(len(row) for table in tables(TEXT) for row in table) <= 6
    assert "<!--" not in TEXT, "no marks for a program"


def test_a_newcomer_finds_name_sentence_picture_findings_and_quick_start_in_this_order():
    assert re.findall(r"^## (.*)$", TEXT, re.MULTILINE) == SECTIONS
    first, *_ = TEXT.split("\n## ")
    name, sentence, badges, picture, *_ = first.split("\n\n")
    assert name.startswith("# ")
    assert "forget" in sentence
    assert "retrained" in sentence
    assert all(line.startswith("[![") for line in badges.splitlines())
    assert "(docs/results/mnist-5k/figures/before_after_summary.png)" in picture


def test_the_table_has_the_published_numbers():
    *_, (header, *rows) = tables(section("Quick start"))
    assert (1 + len(rows), len(header)) == (6, 5)
    cells = panel_cells(PUBLISHED / "mnist-5k")
    columns = [next(column for column in cells if column.startswith(start)) for start in header[1:]]
    for name, *values in rows:
        assert values == cells.loc[name, columns].tolist(), name


def test_each_finding_has_one_published_number_with_its_n_and_one_link():
    findings = re.findall(r"^\d\. (.*(?:\n   .*)*)", section("What was found"), re.MULTILINE)
    assert len(findings) == 5
    for finding in findings:
        (number,) = re.findall(r"\*\*(.+?)\*\*", finding)
        (link,) = re.findall(r"\]\((docs/results/[\w-]+)/", finding)
        assert re.search(r"± |\[.*, .*\]", number), finding
        assert re.search(r"n = \d", finding), finding
        files = [*(ROOT / link / "panels").glob("*.csv"), ROOT / link / "comparisons.csv"]
        assert any(number in path.read_text(encoding="utf-8") for path in files), finding


def test_what_it_links_to_and_names_exists():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    folders = {str(parent) for path in tracked for parent in Path(path).parents}
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", TEXT) if not link.startswith("https://")]
    assert len(links) > 15
    for link in links:
        if not link.startswith("../../actions/"):  # pages of the code host
            assert link.rstrip("/") in {*tracked, *folders}, link


@pytest.mark.parametrize("command", re.findall(r"(?:^|`)make ([a-z][\w-]*)", TEXT, re.MULTILINE))
def test_its_commands_exist(command):
    assert re.search(rf"^{command}:", (ROOT / "Makefile").read_text(), re.MULTILINE)

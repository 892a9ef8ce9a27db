"""What the pages of the documentation name exists, and what exists is explained."""

import re

import pytest

from unlearning.evaluation.description import PANELS
from unlearning.plugins.describe import plugin_names

from ..clone import ROOT

TEMPLATES = {path.name.removesuffix(".j2") for path in (ROOT / "docs" / "_pages").glob("*.j2")}
PAGES = sorted(path for path in (ROOT / "docs").glob("*.md") if path.name not in TEMPLATES)  # written by hand


def page(name):
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def first_cells(text, heading):
    """The first cell of each row of the table below a heading, without the header."""
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [row.split("|")[1].strip() for row in re.findall(r"^\|.*$", section, re.MULTILINE)][2:]


def test_every_figure_and_panel_is_explained():
    text = page("read_the_results")
    explained = {name.strip("`") for name in first_cells(text, "The figures")}
    assert set(plugin_names("figures")) <= explained
    assert first_cells(text, "The main table") == list(PANELS.values())


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_files_and_commands_that_a_page_names_exist(path):
    text = path.read_text(encoding="utf-8")
    own = set(re.findall(r"^:caption: (\S+)$", text, re.MULTILINE))
    for name in re.findall(r"`((?:configs|scripts|schemas|profiles|published|tests|docs)/[\w./-]+)`", text):
        assert name in own or (ROOT / name).exists(), name
    targets = set(re.findall(r"^([\w./$()-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)) | {".venv/installed"}
    for target in re.findall(r"(?:^|`)make ([a-z.][\w./-]*)", text, re.MULTILINE):
        assert target in targets, target

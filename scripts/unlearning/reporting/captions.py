"""Captions of tables and figures, from the templates in `report/captions/`.

A caption is one paragraph of reStructuredText, as Snakemake's report reads it.
"""

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from unlearning.io.files import ROOT, atomic_path
from unlearning.reporting.results import Results

TEMPLATES = ROOT / "report" / "captions"


def render_caption(name: str, results: Results, **facts: object) -> str:
    """Render the template `report/captions/{name}.j2`.

    A template is reStructuredText. A fact is text: its characters are never read as markup.

    Args:
        name: Name of the template.
        results: Results of the experiment. Their `facts` are known to every template.
        facts: Further facts that the template names.

    Returns:
        The caption in one line.
    """
    environment = Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, finalize=escape)
    text = environment.get_template(f"{name}.j2").render(results.facts | facts)
    return re.sub(r"\s+", " ", text).strip()


def escape(fact: object) -> str:
    """Put a backslash before the characters of a fact that reStructuredText reads as markup."""
    return re.sub(r"[\\`*|_]", r"\\\g<0>", str(fact))


def plain_text(caption: str) -> str:
    """Remove the backslashes of reStructuredText from a caption, for formats that do not read them."""
    return re.sub(r"\\(.)", r"\1", caption)


def write_caption(path: Path, caption: str) -> None:
    """Write a caption as a reStructuredText file for the report."""
    with atomic_path(path) as temporary:
        temporary.write_text(f"{caption}\n", encoding="utf-8")

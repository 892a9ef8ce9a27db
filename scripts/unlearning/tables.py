"""One table in the formats that people need."""

from pathlib import Path

import pandas as pd

from unlearning.captions import write_caption
from unlearning.files import atomic_path


def write_table(
    table: pd.DataFrame,
    caption: str,
    *,
    numbers: tuple[str, ...] = (),
    markdown: Path,
    csv: Path,
    latex: Path,
    html: Path,
    rst: Path,
) -> None:
    """Write a table of text with a named index.

    Args:
        table: every cell is text, but in the columns `numbers`.
        caption: one paragraph.
        numbers: columns to compute with, for the CSV file alone.
        markdown: with its caption below.
        csv: the whole table.
        latex: a `tabular` with booktabs rules, to be \\input into a paper; its caption as a comment.
        html: a page of its own, for the report.
        rst: the caption, for the report.
    """
    shown = table.drop(columns=list(numbers))
    for path, content in (
        (markdown, shown.to_markdown() + f"\n\n{caption}\n"),
        (csv, table.to_csv()),
        (latex, to_latex(shown, caption)),
        (html, to_html(shown)),
    ):
        with atomic_path(path) as temporary:
            temporary.write_text(content)
    write_caption(rst, caption)


def to_latex(table: pd.DataFrame, text: str) -> str:
    """A booktabs `tabular`, ready to be \\input into a paper, with the caption as a comment above it."""
    symbols = {"±": "$\\pm$", "–": "--", "−": "$-$", "×": "$\\times$", "∞": "$\\infty$", "> ": "$>$\\,"}

    def escape(cell: str) -> str:
        for character in "&%_#":
            cell = cell.replace(character, f"\\{character}")
        for symbol, command in symbols.items():
            cell = cell.replace(symbol, command)
        return cell

    escaped = table.reset_index().map(escape).rename(columns=escape)
    tabular = escaped.style.hide(axis="index").to_latex(hrules=True, column_format="l" + "r" * len(table.columns))
    return f"% {text}\n{tabular}"


def to_html(table: pd.DataFrame) -> str:
    """The table as a page of its own, for the report."""
    style = (
        "body { font: 14px sans-serif; } table { border-collapse: collapse; }"
        " th, td { padding: 4px 10px; text-align: left; } td { white-space: nowrap; }"
        " th { vertical-align: bottom; border-bottom: 1px solid; } tr:nth-child(even) td { background: #f3f3f3; }"
    )
    body = table.reset_index().to_html(index=False, border=0, justify="left")
    return f"<!DOCTYPE html><meta charset='utf-8'><style>{style}</style>\n{body}\n"

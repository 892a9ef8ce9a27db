"""One table in the formats that people need."""

import textwrap
from pathlib import Path

import pandas as pd

from unlearning.io.files import atomic_path
from unlearning.reporting.captions import write_caption

LINE = 74  # characters of \footnotesize across a plain article, 345 pt, at 4.7 pt each
GAP = 2  # between two columns
HEADER, CELL = 12, 30  # characters to a line: of a header, unless cells are wider, and of the second key; of a cell
NEWLINE = "\\\\{}"  # braces, lest a line that begins with * or [ be read as an option
PAGE = 45  # lines of a body
LATEX = {character: f"\\{character}" for character in "&%_#${}"} | {
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "±": "$\\pm$",
    "–": "--",
    "−": "$-$",
    "×": "$\\times$",
    "∞": "$\\infty$",
    "<": "$<$",
    ">": "$>$",
}


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
        table: every cell is text, but in the columns `numbers`; its index is what tells rows apart.
        caption: one paragraph.
        numbers: columns to compute with, for the CSV file alone.
        markdown: with its caption below.
        csv: the whole table.
        latex: `tabular`s with booktabs rules, to be \\input into a paper; the caption as a comment.
        html: a page of its own, for the report.
        rst: the caption, for the report.
    """
    shown = table.drop(columns=list(numbers))
    for path, content in (
        (markdown, shown.reset_index().to_markdown(index=False) + f"\n\n{caption}\n"),
        (csv, table.to_csv()),
        (latex, to_latex(shown, caption)),
        (html, to_html(shown)),
    ):
        with atomic_path(path) as temporary:
            temporary.write_text(content)
    write_caption(rst, caption)


def to_latex(table: pd.DataFrame, text: str) -> str:
    """Booktabs `tabular`s, ready to be \\input into a paper, with the caption as a comment above them.

    Columns for which a line has no room, and rows for which a page has none, go into a further `tabular` below, which
    repeats the index, or the header.
    """
    levels = table.index.nlevels
    columns = [
        _latex_column(name, list(cells), HEADER if 0 < place < levels else CELL)
        for place, (name, cells) in enumerate(table.reset_index().items())
    ]
    keys, columns = columns[:levels], columns[levels:]
    panels, room = [], 0
    for width, column in columns:
        if width > room:
            panels.append([column for _, column in keys])
            room = LINE - sum(width for width, _ in keys)
        panels[-1].append(column)
        room -= width
    tabulars = []
    for panel in panels:
        head, *body = zip(*panel, strict=True)
        layout = "l" * len(keys) + "r" * (len(panel) - len(keys))
        for page in _pages(body):
            rows = ["\\toprule", _latex_row(head), "\\midrule", *map(_latex_row, page), "\\bottomrule"]
            tabulars.append("\n".join([f"\\begin{{tabular}}{{{layout}}}", *rows, "\\end{tabular}"]))
    panels = "\n\\par\\medskip\\noindent\n".join(tabulars)
    return f"% {text}\n{{\\footnotesize\\setlength{{\\tabcolsep}}{{4pt}}\\noindent\n{panels}\n\\par}}\n"


def _latex_row(cells: tuple[str, ...]) -> str:
    return " & ".join(cells) + " \\\\"


def _pages(rows: list[tuple[str, ...]]) -> list[list[tuple[str, ...]]]:
    """The rows in order, as many together as a page has lines for."""
    pages, room = [], 0
    for row in rows:
        lines = max(cell.count(NEWLINE) for cell in row) + 1
        if lines > room:
            pages.append([])
            room = PAGE
        pages[-1].append(row)
        room -= lines
    return pages


def _latex_column(name: str, cells: list[str], most: int) -> tuple[int, list[str]]:
    """Width in characters, the gap to the next column included; header and cells, in lines where they are long."""
    body = [textwrap.wrap(cell, most) or [""] for cell in cells]
    longest = max(len(line) for lines in body for line in lines)
    head = textwrap.wrap(name, max(HEADER, longest), break_long_words=False)

    def latex(lines: list[str], place: str) -> str:
        cell = NEWLINE.join(line.translate(str.maketrans(LATEX)) for line in lines)
        return cell if len(lines) == 1 else f"\\begin{{tabular}}[{place}]{{@{{}}l@{{}}}}{cell}\\end{{tabular}}"

    return max(longest, *map(len, head)) + GAP, [latex(head, "b"), *(latex(lines, "t") for lines in body)]


def to_html(table: pd.DataFrame) -> str:
    """The table as a page of its own, for the report."""
    style = (
        "body { font: 14px sans-serif; } table { border-collapse: collapse; }"
        " th, td { padding: 4px 10px; text-align: left; } td { white-space: nowrap; }"
        " th { vertical-align: bottom; border-bottom: 1px solid; } tr:nth-child(even) td { background: #f3f3f3; }"
    )
    body = table.reset_index().to_html(index=False, border=0, justify="left")
    return f"<!DOCTYPE html><meta charset='utf-8'><style>{style}</style>\n{body}\n"

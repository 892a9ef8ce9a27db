"""One table in the formats that people need."""

import textwrap
from pathlib import Path

import pandas as pd

from unlearning.io.files import atomic_path
from unlearning.reporting.captions import plain_text, write_caption

LINE_WIDTH = 74  # characters of \footnotesize on a line of a plain article, 345 pt, at 4.7 pt each
COLUMN_GAP = 2  # characters between two columns
HEADER_WIDTH = 12  # characters on a line of a header, if no cell is wider, and of an index column after the first
CELL_WIDTH = 30  # characters on a line of a cell
PAGE_HEIGHT = 45  # lines of a body
LINE_BREAK = "\\\\{}"  # LaTeX would read a * or [ after a plain \\ as an option
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
STYLE = (
    "body { font: 14px sans-serif; } table { border-collapse: collapse; }"
    " th, td { padding: 4px 10px; text-align: left; } td { white-space: nowrap; }"
    " th { vertical-align: bottom; border-bottom: 1px solid; } tr:nth-child(even) td { background: #f3f3f3; }"
)


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
        table: Table whose cells are text, except in the columns `numbers`. Its index distinguishes the rows.
        caption: Caption as reStructuredText, one paragraph.
        numbers: Columns that only the CSV file has, for programs to compute with.
        markdown: File of the table with the caption below.
        csv: File of the whole table.
        latex: File of booktabs `tabular`s, to be included in a paper, with the caption as a comment.
        html: File of a page with the table, for the report.
        rst: File of the caption, for the report.
    """
    text = table.drop(columns=list(numbers))
    contents = {
        markdown: f"{to_markdown(text)}\n\n{plain_text(caption)}\n",
        csv: table.to_csv(),
        latex: to_latex(text, plain_text(caption)),
        html: to_html(text),
    }
    for path, content in contents.items():
        with atomic_path(path) as temporary:
            temporary.write_text(content, encoding="utf-8")
    write_caption(rst, caption)


def to_markdown(table: pd.DataFrame) -> str:
    """Write a table as Markdown. Its cells stay as they are: by default, tabulate would write 1.00 as 1."""
    return table.reset_index().to_markdown(index=False, disable_numparse=True)


def to_latex(table: pd.DataFrame, caption: str) -> str:
    """Write booktabs `tabular`s, to be included in a paper, with the caption as a comment above them.

    Columns that do not fit on a line, and rows that do not fit on a page, go into a further `tabular` below, which
    repeats the index, or the header.

    Args:
        table: Table of text.
        caption: Caption as plain text.

    Returns:
        LaTeX source.
    """
    levels = table.index.nlevels
    columns = [
        _latex_column(name, list(cells), HEADER_WIDTH if 0 < place < levels else CELL_WIDTH)
        for place, (name, cells) in enumerate(table.reset_index().items())
    ]
    tabulars = []
    for panel in _panels(columns[:levels], columns[levels:]):
        header, *body = zip(*panel, strict=True)
        tabulars += [_latex_tabular(header, rows, levels) for rows in _pages(body)]
    content = "\n\\par\\medskip\\noindent\n".join(tabulars)
    return f"% {caption}\n{{\\footnotesize\\setlength{{\\tabcolsep}}{{4pt}}\\noindent\n{content}\n\\par}}\n"


def _latex_column(name: str, cells: list[str], cell_width: int) -> tuple[int, list[str]]:
    """Break long cells of a column into lines.

    Args:
        name: Header of the column.
        cells: Cells of the column.
        cell_width: Characters on a line of a cell.

    Returns:
        Width of the column in characters, with the gap to the next one, and the LaTeX source of header and cells.
    """
    body = [textwrap.wrap(cell, cell_width) or [""] for cell in cells]
    longest = max(len(line) for lines in body for line in lines)
    header = textwrap.wrap(name, max(HEADER_WIDTH, longest), break_long_words=False)
    width = max(longest, *map(len, header)) + COLUMN_GAP
    return width, [_latex_cell(header, "b"), *(_latex_cell(lines, "t") for lines in body)]


def _latex_cell(lines: list[str], position: str) -> str:
    """Write the lines of a cell: 'b', the last line is on the line of the row, or 't', the first."""
    cell = LINE_BREAK.join(line.translate(str.maketrans(LATEX)) for line in lines)
    return cell if len(lines) == 1 else f"\\begin{{tabular}}[{position}]{{@{{}}l@{{}}}}{cell}\\end{{tabular}}"


def _panels(keys: list[tuple[int, list[str]]], columns: list[tuple[int, list[str]]]) -> list[list[list[str]]]:
    """Put columns together that fit on a line.

    Args:
        keys: Width and content of the columns of the index, which every panel has.
        columns: Width and content of the other columns.

    Returns:
        The contents of the columns of each panel.
    """
    panels, room = [], 0
    for width, column in columns:
        if width > room:
            panels.append([content for _, content in keys])
            room = LINE_WIDTH - sum(key_width for key_width, _ in keys)
        panels[-1].append(column)
        room -= width
    return panels


def _pages(rows: list[tuple[str, ...]]) -> list[list[tuple[str, ...]]]:
    """Put rows together, in their order, that fit on a page."""
    pages, room = [], 0
    for row in rows:
        lines = max(cell.count(LINE_BREAK) for cell in row) + 1
        if lines > room:
            pages.append([])
            room = PAGE_HEIGHT
        pages[-1].append(row)
        room -= lines
    return pages


def _latex_tabular(header: tuple[str, ...], rows: list[tuple[str, ...]], levels: int) -> str:
    layout = "l" * levels + "r" * (len(header) - levels)
    lines = ["\\toprule", _latex_row(header), "\\midrule", *map(_latex_row, rows), "\\bottomrule"]
    return "\n".join([f"\\begin{{tabular}}{{{layout}}}", *lines, "\\end{tabular}"])


def _latex_row(cells: tuple[str, ...]) -> str:
    return " & ".join(cells) + " \\\\"


def to_html(table: pd.DataFrame) -> str:
    """Write a page with the table, for the report."""
    body = table.reset_index().to_html(index=False, border=0, justify="left")
    return f"<!DOCTYPE html><meta charset='utf-8'><style>{STYLE}</style>\n{body}\n"

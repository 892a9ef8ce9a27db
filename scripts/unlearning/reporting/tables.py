"""One table in the formats that people need."""

import html as markup
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from unlearning.io.files import atomic_path
from unlearning.reporting.captions import plain_text, write_caption

# Sizes of letters, and how many fit on a line of a plain article, 345 pt, at 4.7 and 4 pt each.
FONTS = {"footnotesize": 74, "scriptsize": 86}
COLUMN_GAP = 2  # characters between two columns
HEADER_WIDTH = 12  # characters on a line of a header, if no cell is wider, and of an index column after the first
CELL_WIDTHS = range(30, 9, -1)  # characters on a line of a cell, the first width that fits
NAME_WIDTH = 8  # more characters on a line of the index than of a cell
PAGE_HEIGHT = 45  # lines of a body
LINE_BREAK = "\\\\{}"  # LaTeX would read a * or [ after a plain \\ as an option
NO_BREAK = "\u00a0"
LATEX = {character: f"\\{character}" for character in "&%_#${}"} | {
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "±": "$\\pm$",
    "–": "--",
    "−": "$-$",
    "×": "$\\times$",
    "∞": "$\\infty$",
    "≈": "$\\approx$",
    NO_BREAK: "~",
    "<": "$<$",
    ">": "$>$",
}
STYLE = (
    "body { font: 14px sans-serif; } h2 { font-size: 16px; } table { border-collapse: collapse; }"
    " th, td { padding: 4px 8px; text-align: left; } th { vertical-align: bottom; border-bottom: 1px solid; }"
    " tbody tr:first-child td { border-top: 1px solid #999; } tbody tr:nth-child(even) td { background: #f3f3f3; }"
)


@dataclass(frozen=True)
class Shown:
    """A table as people see it.

    Attributes:
        text: Cells of text, with a named index that distinguishes the rows.
        title: Title; '' for a table that stands alone.
        best: Whether each cell is marked as the best of its column; None if no cell is.
        groups: The group of each row; a line separates two groups. None if all rows are of one group.
    """

    text: pd.DataFrame
    title: str = ""
    best: pd.DataFrame | None = None
    groups: list[str] | None = None

    def marked(self, form: str) -> pd.DataFrame:
        """The cells, with the best ones in this form, as '**{}**'."""
        return self.text if self.best is None else self.text.where(~self.best, self.text.map(form.format))

    def breaks(self) -> list[int]:
        """The numbers of the rows that begin a further group."""
        groups = self.groups or []
        return [number for number in range(1, len(groups)) if groups[number] != groups[number - 1]]


def write_table(
    shown: list[Shown],
    caption: str,
    *,
    whole: pd.DataFrame,
    notes: Sequence[str] = (),
    markdown: Path,
    csv: Path,
    latex: Path,
    html: Path,
    rst: Path,
) -> None:
    """Write a table, in one or several parts.

    Args:
        shown: The parts that people see.
        caption: Caption as reStructuredText, one paragraph.
        whole: The table for programs, with all columns.
        notes: Plain sentences below the table.
        markdown: File of the parts with the notes and the caption below.
        csv: File of the whole table.
        latex: File of booktabs `tabular`s, to be included in a paper, with the caption as a comment.
        html: File of a page with the parts and the notes, for the report.
        rst: File of the caption, for the report.
    """
    contents = {
        markdown: "\n\n".join([*map(to_markdown, shown), *notes, plain_text(caption)]) + "\n",
        csv: whole.to_csv(),
        latex: to_latex(shown, " ".join([*notes, plain_text(caption)])),
        html: to_html(shown, notes),
    }
    for path, content in contents.items():
        with atomic_path(path) as temporary:
            temporary.write_text(content, encoding="utf-8")
    write_caption(rst, caption)


def to_markdown(shown: Shown) -> str:
    """Write a table as Markdown. Its cells stay as they are: by default, tabulate would write 1.00 as 1."""
    table = shown.marked("**{}**").reset_index().to_markdown(index=False, disable_numparse=True)
    return f"### {shown.title}\n\n{table}" if shown.title else table


def to_latex(shown: list[Shown], caption: str) -> str:
    """Write booktabs `tabular`s, to be included in a paper, with the caption as a comment above them.

    Cells are broken into lines until the table fits on a line of the page. Columns that do not fit even so, and rows
    that do not fit on a page, go into a further `tabular` below, which repeats the index, or the header.

    Args:
        shown: Tables of text.
        caption: Caption as plain text.

    Returns:
        LaTeX source.
    """
    return f"% {caption}\n" + "\n".join(map(_latex_part, shown))


def _latex_part(shown: Shown) -> str:
    font, columns = _fitting(shown)
    levels = shown.text.index.nlevels
    begins = set(shown.breaks())
    tabulars = []
    for panel in _panels(columns[:levels], columns[levels:], FONTS[font]):
        header, *body = zip(*panel, strict=True)
        lines = [("\\addlinespace\n" if number in begins else "") + _latex_row(row) for number, row in enumerate(body)]
        tabulars += [_latex_tabular(header, page, levels) for page in _pages(lines)]
    title = f"\\textbf{{{shown.title}}}\\par\\smallskip\\noindent\n" if shown.title else ""
    content = "\n\\par\\medskip\\noindent\n".join(tabulars)
    return f"{{\\{font}\\setlength{{\\tabcolsep}}{{4pt}}\\noindent\n{title}{content}\n\\par}}\n"


def _fitting(shown: Shown) -> tuple[str, list[tuple[int, list[str]]]]:
    """The columns in the largest letters, and with the widest cells, with which they fit on a line.

    Returns:
        The size of letters, one of `FONTS`, and the columns, see `_latex_column`. If nothing fits, large letters.
    """
    for font, room in FONTS.items():
        for width in CELL_WIDTHS:
            columns = list(_latex_columns(shown, width))
            if sum(each for each, _ in columns) <= room:
                return font, columns
    return next(iter(FONTS)), list(_latex_columns(shown, CELL_WIDTHS[0]))


def _latex_columns(shown: Shown, width: int) -> Iterator[tuple[int, list[str]]]:
    """The columns of a table with cells of this width, see `_latex_column`."""
    levels = shown.text.index.nlevels
    for place, (name, texts) in enumerate(shown.text.reset_index().items()):
        best = [False] * len(texts) if shown.best is None or place < levels else shown.best.iloc[:, place - levels]
        if place < levels:
            yield _latex_column(name, list(texts), best, HEADER_WIDTH if place else width + NAME_WIDTH)
        else:
            yield _latex_column(name, list(texts), best, width)


def _latex_column(name: str, cells: list[str], best: list[bool], cell_width: int) -> tuple[int, list[str]]:
    """Break long cells of a column into lines. A number and its spread stay on one line.

    Args:
        name: Header of the column.
        cells: Cells of the column.
        best: Whether each cell is in bold letters.
        cell_width: Characters on a line of a cell.

    Returns:
        Width of the column in characters, with the gap to the next one, and the LaTeX source of header and cells.
    """
    body = [break_lines(cell, cell_width) for cell in cells]
    longest = max(len(line) for lines in body for line in lines)
    header = textwrap.wrap(name, max(HEADER_WIDTH, longest), break_long_words=False)
    width = max(longest, *map(len, header)) + COLUMN_GAP
    marked = [_latex_cell(lines, "t", bold) for lines, bold in zip(body, best, strict=True)]
    return width, [_latex_cell(header, "b"), *marked]


def break_lines(cell: str, width: int) -> list[str]:
    """Break a cell into lines at spaces, but at none inside a number with its spread or sign."""
    kept = re.sub(r"(?<=[≈~>]) | (?=±|\+/-|\*|undecided)|(?<=±) |(?<=\+/-) ", NO_BREAK, cell)
    return textwrap.wrap(kept, width, break_long_words=False, break_on_hyphens=False) or [""]


def _latex_cell(lines: list[str], position: str, bold: bool = False) -> str:
    """Write the lines of a cell: 'b', the last line is on the line of the row, or 't', the first."""
    latex = [line.translate(str.maketrans(LATEX)) for line in lines]
    cell = LINE_BREAK.join(f"\\textbf{{{line}}}" if bold else line for line in latex)
    return cell if len(lines) == 1 else f"\\begin{{tabular}}[{position}]{{@{{}}l@{{}}}}{cell}\\end{{tabular}}"


def _panels(
    keys: list[tuple[int, list[str]]], columns: list[tuple[int, list[str]]], line: int
) -> list[list[list[str]]]:
    """Put columns together that fit on a line.

    Args:
        keys: Width and content of the columns of the index, which every panel has.
        columns: Width and content of the other columns.
        line: Width of a line.

    Returns:
        The contents of the columns of each panel.
    """
    panels, room = [], 0
    for width, column in columns:
        if width > room:
            panels.append([content for _, content in keys])
            room = line - sum(key_width for key_width, _ in keys)
        panels[-1].append(column)
        room -= width
    return panels


def _pages(rows: list[str]) -> list[list[str]]:
    """Put rows of LaTeX together, in their order, that fit on a page."""
    pages, room = [], 0
    for row in rows:
        lines = max(cell.count(LINE_BREAK) for cell in row.split(" & ")) + 1
        if lines > room:
            pages.append([])
            room = PAGE_HEIGHT
        pages[-1].append(row)
        room -= lines
    return pages


def _latex_tabular(header: tuple[str, ...], rows: list[str], levels: int) -> str:
    layout = "l" * levels + "r" * (len(header) - levels)
    lines = ["\\toprule", _latex_row(header), "\\midrule", *rows, "\\bottomrule"]
    return "\n".join([f"\\begin{{tabular}}{{{layout}}}", *lines, "\\end{tabular}"])


def _latex_row(cells: tuple[str, ...]) -> str:
    return " & ".join(cells) + " \\\\"


def to_html(shown: list[Shown], notes: Sequence[str] = ()) -> str:
    """Write a page with tables and notes, for the report."""
    parts = [*map(_html_part, shown), *(f"<p>{markup.escape(note)}</p>" for note in notes)]
    return f"<!DOCTYPE html><meta charset='utf-8'><style>{STYLE}</style>\n" + "\n".join(parts) + "\n"


def _html_part(shown: Shown) -> str:
    """Write a table. Each group of rows is a `tbody`."""
    escaped = Shown(shown.text.map(markup.escape), best=shown.best).marked("<b>{}</b>")
    table = escaped.rename(index=markup.escape, columns=markup.escape).reset_index()
    lines = table.to_html(index=False, border=0, justify="left", escape=False).split("<tr>")
    for number in shown.breaks():
        lines[number] = lines[number].rstrip() + "\n  </tbody>\n  <tbody>\n    "
    title = f"<h2>{markup.escape(shown.title)}</h2>\n" if shown.title else ""
    return title + "<tr>".join(lines)

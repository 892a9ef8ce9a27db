"""A table for a terminal: no wider than the terminal, and in the characters that the terminal has."""

import pandas as pd
from tabulate import tabulate

from unlearning.reporting.tables import NAME_WIDTH, NO_BREAK, Shown, break_lines

WIDEST = 100
CELL_WIDTHS = range(30, 8, -1)
HEADER_WIDTH = 10
FILLER = "\0"  # in an empty row, which tabulate would drop
ASCII = {"±": "+/-", "–": "-", "−": "-", "×": "x", "∞": "inf", "≈": "~", "◂": "<"}


def to_terminal(shown: Shown, width: int, encoding: str) -> str:
    """Write a table as text, with ◂ after the best cells and an empty line between groups.

    Long cells are broken into lines. Columns that do not fit even so are left out from the right, and a sentence below
    names them.

    Args:
        shown: The table.
        width: Characters of a line; at most `WIDEST` are used.
        encoding: Encoding of the terminal. Characters that the encoding lacks are spelled as in `ASCII`.

    Returns:
        Lines no longer than the width, if the names of rows and one column fit.
    """
    text = shown.marked("{} ◂").reset_index()
    text = text.map(lambda cell: spell(cell, encoding)).rename(columns=lambda name: spell(name, encoding))
    for kept in range(len(text.columns), 1, -1):
        for cell_width in CELL_WIDTHS:
            table = _table(text.iloc[:, :kept], shown.breaks(), cell_width)
            if max(map(len, table.splitlines())) <= min(width, WIDEST):
                return f"{table}\n{_left_out(list(text.columns[kept:]))}".rstrip()
    return f"{table}\n{_left_out(list(text.columns[2:]))}".rstrip()


def _left_out(columns: list[str]) -> str:
    return "".join(f"\nNot shown, too wide: {column}" for column in columns)


def _table(text: pd.DataFrame, breaks: list[int], cell_width: int) -> str:
    """Write columns with cells of this width as lines of text."""
    widths = [cell_width + NAME_WIDTH, *[cell_width] * (len(text.columns) - 1)]
    rows = [
        ["\n".join(break_lines(cell, width)) for cell, width in zip(row, widths, strict=True)]
        for row in text.itertuples(index=False)
    ]
    for number in reversed(breaks):
        rows.insert(number, [FILLER] * len(widths))
    headers = ["\n".join(break_lines(name, max(HEADER_WIDTH, cell_width))) for name in text.columns]
    table = tabulate(rows, headers, tablefmt="simple", disable_numparse=True)
    return "\n".join(line.rstrip() for line in table.translate({ord(FILLER): " ", ord(NO_BREAK): " "}).splitlines())


def spell(text: str, encoding: str) -> str:
    """Write a text in an encoding: characters that it lacks as `ASCII` says, and further ones as ?."""
    for character, spelling in ASCII.items():
        try:
            character.encode(encoding)
        except UnicodeEncodeError:
            text = text.replace(character, spelling)
    return text.encode(encoding, errors="replace").decode(encoding)

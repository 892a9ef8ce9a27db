"""Verdicts of several experiments on the same published numbers, side by side.

Two experiments may differ in one thing, such as the original model: the authors' own, or one trained from scratch. What
their verdicts have in common does not depend on it.
"""

import pandas as pd

KEYS = ["Method", "Quantity"]


def side_by_side(verdicts: dict[str, pd.DataFrame]) -> list[pd.DataFrame]:
    """Join the verdicts of experiments that are compared with the same published numbers.

    Args:
        verdicts: For each experiment its verdicts, of the columns `published.COLUMNS`. Other columns than Method,
            Quantity, Published, 'Ours, as published' and Verdict may be missing.

    Returns:
        For each set of published numbers with which several experiments are compared, a table with the columns Method,
        Quantity, Published, and one for each experiment: our value by the published protocol, and the verdict.
    """
    by_numbers: dict[tuple, dict[str, pd.DataFrame]] = {}
    for experiment, table in verdicts.items():
        numbers = tuple(table[KEYS].itertuples(index=False, name=None))
        by_numbers.setdefault(numbers, {})[experiment] = table.reset_index(drop=True)
    return [_joined(tables) for tables in by_numbers.values() if len(tables) > 1]


def _joined(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    first, *_ = tables.values()
    # The ratio to a reference row stands beside a number only where the experiment could be compared.
    published = pd.concat([table["Published"] for table in tables.values()], axis=1).agg(
        lambda row: max(row, key=len), 1
    )
    columns = {name: table["Ours, as published"] + ": " + table["Verdict"] for name, table in tables.items()}
    return first[KEYS].assign(Published=published, **columns)

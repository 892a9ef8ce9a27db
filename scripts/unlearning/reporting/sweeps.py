"""Rows of an experiment that differ in one setting."""

import pandas as pd

from unlearning.config.experiment import rows_alike_but_for


def sweeps(experiment: dict, keys: tuple[str, ...]) -> dict[str, pd.DataFrame]:
    """Find the rows that differ in some of these keys and in no other setting.

    A row belongs to the first of the keys in which it differs from the first row of its sweep, its base.

    Args:
        experiment: Configuration of the experiment.
        keys: Keys of settings, in their order of importance.

    Returns:
        For each key with a sweep, a table of the rows from the lowest value on: `row`, `base`, and `label`, the values
        in which the row differs.
    """
    entries = {}
    for rows in rows_alike_but_for(experiment, keys):
        base, base_values = next(iter(rows.items()))
        for row, values in rows.items():
            if differing := [key for key in keys if values.get(key) != base_values.get(key)]:
                key, label = differing[0], ", ".join(_text(values[key]) for key in differing)
                of_key = entries.setdefault(key, {})
                of_key[base] = (base, base, _text(base_values[key]), base_values[key])
                of_key[row] = (row, base, label, values[key])
    return {
        key: pd.DataFrame(entries[key].values(), columns=["row", "base", "label", "value"])
        .sort_values("value", kind="stable")
        .drop(columns="value")
        for key in keys
        if key in entries
    }


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)

"""The numbers that papers publish, their quantities, and the metrics of ours that measure them."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from unlearning.config.strict_yaml import read_yaml


@dataclass(frozen=True)
class Quantity:
    """A published quantity, and the metrics of ours that measure it: an entry of `published/quantities.yaml`.

    Attributes:
        label: Name in tables.
        as_published: Metric that measures the quantity by the protocol of the paper.
        rigorous: Metric that measures the quantity by our protocol.
        scale: Factor from the rigorous metric to the published unit.
        reference: Row of the published table. If not '', a verdict compares ratios to this row.
        ratios: Metric whose ratios are compared, if this is not `as_published`.
    """

    label: str
    as_published: str
    rigorous: str
    scale: float = 1
    reference: str = ""
    ratios: str = ""

    @property
    def compared(self) -> str:
        """The metric that a verdict compares."""
        return self.ratios or self.as_published


def read_quantities(path: Path) -> dict[str, Quantity]:
    """Read `published/quantities.yaml`.

    Args:
        path: The YAML file.

    Returns:
        The quantities by name.

    Raises:
        ValueError: The file is not valid YAML, or an entry has wrong keys.
    """
    quantities = {}
    for name, entry in read_yaml(path.name, path.parent).items():
        try:
            quantities[name] = Quantity(**entry)
        except TypeError as error:
            raise ValueError(f"{path}: {name}: {error}; see the comment at the top of the file") from None
    return quantities


def read_published(files: list[Path]) -> pd.DataFrame:
    """Read files of published numbers.

    Args:
        files: CSV files, see `published/README.md`.

    Returns:
        The rows of all files. The column `table` has the name of the file.
    """
    return pd.concat([pd.read_csv(file).assign(table=file.stem) for file in files], ignore_index=True)

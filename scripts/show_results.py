"""Print the main table of every experiment that config.yaml names, and where its files lie."""

import sys
from pathlib import Path

import pandas as pd

from unlearning.config.load import load_settings


def main(report: str) -> None:
    """Print the tables.

    Args:
        report: Path of the HTML report.
    """
    settings = load_settings({})
    for name in settings["experiments"]:
        folder = Path(settings["results"]) / name
        table = pd.read_csv(folder / "table.csv", dtype=str, keep_default_na=False)
        print(f"\n{table.to_markdown(index=False, tablefmt='simple', maxheadercolwidths=10, disable_numparse=True)}\n")
        print(f"table    {folder}/table.md, .csv, .tex; every number: {folder}/metrics.csv")
        print(f"figures  {folder}/figures/*.pdf, *.svg")
    print(f"report   {report}")


if __name__ == "__main__":
    main(sys.argv[1])

"""Write the page in which a reader explores the runs of an experiment."""

from pathlib import Path

from unlearning.reporting import explorer
from unlearning.reporting.results import Results
from unlearning.runtime.job import run


def main(*, configuration: dict, table: Path, accuracy: list[Path], forget_set: Path, html: Path) -> None:
    """Write the page.

    Args:
        configuration: Configuration of the experiment.
        table: `metrics.csv`. The folders of the runs lie beside it.
        accuracy: `accuracy.json` of the judge and, if there is one, of the guide.
        forget_set: `forget_set.json`.
        html: File of the page.
    """
    explorer.write_explorer(Results.read(configuration, table, accuracy, forget_set), html)


if "snakemake" in globals():
    run(main, snakemake)

"""Set published numbers beside ours, with a verdict on each and its reason."""

from pathlib import Path

import pandas as pd

from unlearning.job import run
from unlearning.published import NUMBERS, caption, verdicts
from unlearning.results import Results
from unlearning.tables import write_table


def main(
    *,
    experiment: str,
    configuration: dict,
    code: str,
    table: Path,
    accuracy: list[Path],
    forget_set: Path,
    published: Path,
    markdown: Path,
    csv: Path,
    latex: Path,
    html: Path,
    caption_file: Path,
) -> None:
    """Write the verdicts.

    Args:
        experiment: name of the experiment.
        configuration: the whole configuration of the experiment.
        code: hash of the code that runs.
        table: `metrics.csv`.
        accuracy: of the judge and, where there is one, of the guide.
        forget_set: as selected.
        published: CSV file of published numbers, see published/README.md.
        markdown, csv, latex, html, caption_file: see `unlearning.tables.write_table`.
    """
    results = Results.read(configuration, table, accuracy, forget_set)
    write_table(
        verdicts(results, pd.read_csv(published)).set_index("Method"),
        caption(results),
        numbers=NUMBERS,
        markdown=markdown,
        csv=csv,
        latex=latex,
        html=html,
        rst=caption_file,
    )


if "snakemake" in globals():
    run(main, snakemake)

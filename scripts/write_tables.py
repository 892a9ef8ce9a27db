"""Format the main table of an experiment: for the eye, a spreadsheet, a paper and the report."""

from pathlib import Path

from unlearning.job import run
from unlearning.results import Results
from unlearning.summary import caption, main_table
from unlearning.tables import write_table


def main(
    *,
    experiment: str,
    configuration: dict,
    code: str,
    table: Path,
    accuracy: list[Path],
    forget_set: Path,
    markdown: Path,
    csv: Path,
    latex: Path,
    html: Path,
    caption_file: Path,
) -> None:
    """Write the same table in four formats.

    Args:
        experiment: name of the experiment.
        configuration: the whole configuration of the experiment.
        code: hash of the code that runs.
        table: `metrics.csv`.
        accuracy: of the judge and, where there is one, of the guide.
        forget_set: as selected.
        markdown, csv, latex, html, caption_file: see `unlearning.tables.write_table`; numbers to compute with
            are in `metrics.csv`.
    """
    results = Results.read(configuration, table, accuracy, forget_set)
    described = {name: description for name, description in results.described.items() if description["table"]}
    write_table(
        main_table(results.metrics, described),
        caption(results, described),
        markdown=markdown,
        csv=csv,
        latex=latex,
        html=html,
        rst=caption_file,
    )


if "snakemake" in globals():
    run(main, snakemake)

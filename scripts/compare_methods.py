"""Compare every method with fine-tuning and with the retrained model, seed by seed."""

from pathlib import Path

from unlearning.comparisons import caption, comparisons
from unlearning.job import run
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
    markdown: Path,
    csv: Path,
    latex: Path,
    html: Path,
    caption_file: Path,
) -> None:
    """Write the differences with their intervals.

    Args:
        experiment: name of the experiment.
        configuration: the whole configuration of the experiment.
        code: hash of the code that runs.
        table: `metrics.csv`.
        accuracy: of the judge and, where there is one, of the guide.
        forget_set: as selected.
        markdown, csv, latex, html, caption_file: see `unlearning.tables.write_table`.
    """
    results = Results.read(configuration, table, accuracy, forget_set)
    write_table(
        comparisons(results).set_index("Method"),
        caption(results),
        markdown=markdown,
        csv=csv,
        latex=latex,
        html=html,
        rst=caption_file,
    )


if "snakemake" in globals():
    run(main, snakemake)

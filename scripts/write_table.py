"""Write a table of an experiment: for the eye, a spreadsheet, a paper and the report."""

from pathlib import Path

import pandas as pd

from unlearning.reporting import comparisons, published, summary
from unlearning.reporting.results import Results
from unlearning.reporting.tables import write_table
from unlearning.runtime.job import run


def main(
    *,
    table: str,
    configuration: dict,
    metrics: Path,
    accuracy: list[Path],
    forget_set: Path,
    published_numbers: Path | None,
    markdown: Path,
    csv: Path,
    latex: Path,
    html: Path,
    caption_file: Path,
) -> None:
    """Write the same table in four formats.

    Args:
        table: 'table', the main one; 'comparisons' of every method with fine-tuning and the retrained model, seed by
            seed; or 'verdicts' on published numbers.
        configuration: the whole configuration of the experiment.
        metrics: `metrics.csv`.
        accuracy: of the judge and, where there is one, of the guide.
        forget_set: as selected.
        published_numbers: for verdicts, CSV file, see published/README.md.
        markdown, csv, latex, html, caption_file: see `unlearning.reporting.tables.write_table`; numbers to compute with
            are in `metrics.csv`.
    """
    results, numbers = Results.read(configuration, metrics, accuracy, forget_set), ()
    if table == "table":
        described = {name: description for name, description in results.described.items() if description["table"]}
        content, caption = summary.main_table(results.metrics, described), summary.caption(results, described)
    elif table == "comparisons":
        content = comparisons.comparisons(results).set_index(["Method", "Compared with"])
        caption = comparisons.caption(results)
    else:
        content = published.verdicts(results, pd.read_csv(published_numbers)).set_index(["Method", "Quantity"])
        caption, numbers = published.caption(results), published.NUMBERS
    write_table(
        content,
        caption,
        numbers=numbers,
        markdown=markdown,
        csv=csv,
        latex=latex,
        html=html,
        rst=caption_file,
    )


if "snakemake" in globals():
    run(main, snakemake)

"""Write a table of an experiment: to read, for a spreadsheet, for a paper and for the report."""

import logging
from pathlib import Path

import pandas as pd

from unlearning.reporting import comparisons, published, summary
from unlearning.reporting.quantities import read_quantities
from unlearning.reporting.results import Results
from unlearning.reporting.tables import write_table
from unlearning.runtime.job import run

logger = logging.getLogger(__name__)


def main(
    *,
    table: str,
    configuration: dict,
    metrics: Path,
    accuracy: list[Path],
    forget_set: Path,
    published_numbers: Path | None,
    quantities: Path | None,
    markdown: Path,
    csv: Path,
    latex: Path,
    html: Path,
    caption_file: Path,
) -> None:
    """Write the same table in four formats.

    Args:
        table: 'table', the main table; 'comparisons' of every method with the baselines and the retrained model, seed
            by seed; or 'verdicts' on published numbers.
        configuration: Configuration of the experiment.
        metrics: `metrics.csv`.
        accuracy: `accuracy.json` of the judge and, if there is one, of the guide.
        forget_set: `forget_set.json`.
        published_numbers: For verdicts, the CSV file of published numbers, see published/README.md.
        quantities: For verdicts, `published/quantities.yaml`.
        markdown: File of the table as Markdown.
        csv: File of the table as CSV. `metrics.csv` has the numbers to compute with.
        latex: File of the table as LaTeX.
        html: File of the table for the report.
        caption_file: File of the caption for the report.
    """
    results, numbers = Results.read(configuration, metrics, accuracy, forget_set), ()
    if table == "table":
        content = summary.main_table(results.metrics, summary.table_metrics(results))
        caption = summary.caption(results)
        if retrained := summary.retrained_above_threshold(results):
            logger.warning(
                "evaluation.threshold = %g: is below what retraining reaches, a forget fraction of %.2f %%; compare "
                "with the retrained models (evaluation.margin)",
                configuration["evaluation"]["threshold"],
                retrained,
            )
    elif table == "comparisons":
        content = comparisons.comparisons(results).set_index(["Method", "Compared with"])
        caption = comparisons.caption(results)
    else:
        verdicts = published.verdicts(results, pd.read_csv(published_numbers), read_quantities(quantities))
        content = verdicts.set_index(["Method", "Quantity"])
        caption, numbers = published.caption(results), published.NUMBERS
    write_table(content, caption, numbers=numbers, markdown=markdown, csv=csv, latex=latex, html=html, rst=caption_file)


if "snakemake" in globals():
    run(main, snakemake)

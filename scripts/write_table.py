"""Write a table of an experiment: to read, for a spreadsheet, for a paper and for the report."""

import logging
from pathlib import Path

from unlearning.reporting import comparisons, panels, published, summary
from unlearning.reporting.quantities import read_published, read_quantities
from unlearning.reporting.results import Results
from unlearning.reporting.tables import Shown, write_table
from unlearning.runtime.job import run

logger = logging.getLogger(__name__)


def main(
    *,
    table: str,
    configuration: dict,
    metrics: Path,
    accuracy: list[Path],
    forget_set: Path,
    published_numbers: list[Path],
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
        published_numbers: For verdicts, the CSV files of published numbers, see published/README.md.
        quantities: For verdicts, `published/quantities.yaml`.
        markdown: File of the table as Markdown. The main table is in panels.
        csv: File of the whole table as CSV. `metrics.csv` has the numbers to compute with.
        latex: File of the table as LaTeX.
        html: File of the table for the report.
        caption_file: File of the caption for the report.
    """
    results, notes = Results.read(configuration, metrics, accuracy, forget_set), ()
    if table == "table":
        whole = summary.main_table(results.metrics, summary.table_metrics(results))
        shown, notes = [panel.shown for panel in panels.panels(results)], panels.notes(results)
        caption = summary.caption(results, list(panels.panel_metrics(results)))
        if retrained := summary.retrained_above_threshold(results):
            logger.warning(
                "evaluation.threshold = %g: is below what retraining reaches, a forget fraction of %.2f %%; compare "
                "with the retrained models (evaluation.margin)",
                configuration["evaluation"]["threshold"],
                retrained,
            )
    elif table == "comparisons":
        whole = comparisons.comparisons(results).set_index(["Method", "Compared with"])
        shown, caption = [Shown(whole)], comparisons.caption(results)
    else:
        verdicts = published.verdicts(results, read_published(published_numbers), read_quantities(quantities))
        whole = verdicts.set_index(["Method", "Quantity"])
        shown, caption = [Shown(whole.drop(columns=list(published.NUMBERS)))], published.caption(results)
    write_table(
        shown, caption, whole=whole, notes=notes, markdown=markdown, csv=csv, latex=latex, html=html, rst=caption_file
    )


if "snakemake" in globals():
    run(main, snakemake)

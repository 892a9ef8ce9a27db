"""Format the main table of an experiment: for the eye, a spreadsheet, a paper and the report."""

from pathlib import Path

from unlearning.files import atomic_path
from unlearning.job import run
from unlearning.results import Results
from unlearning.summary import caption, main_table, to_html, to_latex


def main(
    *,
    experiment: str,
    configuration: dict,
    code: str,
    table: Path,
    accuracy: Path,
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
        accuracy: of the judge.
        forget_set: as selected.
        markdown: with its caption below.
        csv: cells as text; numbers to compute with are in `metrics.csv`.
        latex: a `tabular` with booktabs rules, to be \\input into a paper; its caption as a comment.
        html: for the report.
        caption_file: reStructuredText file of the caption, for the report.
    """
    results = Results.read(configuration, table, accuracy, forget_set)
    described = {name: description for name, description in results.described.items() if description["table"]}
    formatted, text = main_table(results.metrics, described), caption(results, described)
    for path, content in (
        (markdown, formatted.to_markdown() + f"\n\n{text}\n"),
        (csv, formatted.to_csv()),
        (latex, to_latex(formatted, text)),
        (html, to_html(formatted)),
        (caption_file, text + "\n"),
    ):
        with atomic_path(path) as temporary:
            temporary.write_text(content)


if "snakemake" in globals():
    run(main, snakemake)

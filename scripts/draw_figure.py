"""Draw one figure of an experiment, for papers and for the report, with its caption."""

from pathlib import Path

from unlearning.plugins.load import load_plugin
from unlearning.reporting.captions import write_caption
from unlearning.reporting.plotting import save, use_style
from unlearning.reporting.results import Results
from unlearning.runtime.job import run


def main(
    *,
    figure: str,
    configuration: dict,
    table: Path,
    accuracy: list[Path],
    forget_set: Path,
    verdicts: Path | None,
    pdf: Path,
    svg: Path,
    caption: Path,
) -> None:
    """Draw the figure.

    Args:
        figure: Name of a file in `unlearning/figures`.
        configuration: Configuration of the experiment.
        table: `metrics.csv`. The folders of the runs lie beside it.
        accuracy: `accuracy.json` of the judge and, if there is one, of the guide.
        forget_set: `forget_set.json`.
        verdicts: `verdicts.csv` for the figure that draws it, which lies beside `metrics.csv`; None for the others.
        pdf: File of the figure for papers.
        svg: File of the figure for the report.
        caption: reStructuredText file of the caption.
    """
    use_style()
    results = Results.read(configuration, table, accuracy, forget_set)
    drawing, text = load_plugin("figures", figure).draw(results)
    save(drawing, pdf)
    save(drawing, svg)
    write_caption(caption, text)


if "snakemake" in globals():
    run(main, snakemake)

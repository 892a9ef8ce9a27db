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
    """Draw.

    Args:
        figure: name of the figure, a file in `unlearning/figures`.
        configuration: the whole configuration of the experiment.
        table: `metrics.csv`; the runs' steps, measurements and samples lie beside it.
        accuracy: of the judge and, where there is one, of the guide.
        forget_set: as selected.
        verdicts: on published numbers, for the figure that shows them; None for the others.
        pdf: the figure for papers.
        svg: the same for the report.
        caption: reStructuredText file of its caption, computed from configuration and results.
    """
    use_style()
    drawn, text = load_plugin("figures", figure).draw(Results.read(configuration, table, accuracy, forget_set))
    save(drawn, pdf)
    save(drawn, svg)
    write_caption(caption, text)


if "snakemake" in globals():
    run(main, snakemake)

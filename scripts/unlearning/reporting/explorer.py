"""The explorer: one HTML file in which a reader compares the runs of an experiment, with no other program or file."""

from functools import cache
from pathlib import Path

import altair as alt
import numpy as np
import vl_convert
from jinja2 import Environment, StrictUndefined
from matplotlib.colors import to_hex
from matplotlib.markers import MarkerStyle

from unlearning.evaluation.description import PANELS
from unlearning.io.files import ROOT, atomic_path
from unlearning.reporting.explorer_charts import chart_of_courses, chart_of_runs
from unlearning.reporting.explorer_data import QUANTITIES, courses, metric_choices, sheets_of_probes, values_of_runs
from unlearning.reporting.plotting import colors, markers
from unlearning.reporting.results import Results
from unlearning.reporting.rows import GROUPS, rows

TEMPLATE = ROOT / "report" / "explorer.html.j2"
REFERENCE_MARKER = "p"
OTHER_METRICS = "Further metrics"
TIMES = {"step": "Step", "seconds": "Seconds since the start of the run"}


def write_explorer(results: Results, path: Path) -> None:
    """Write the page of an experiment.

    Args:
        results: Results of the experiment.
        path: File of the page.
    """
    legend = legend_of(results)
    names = {row["key"]: row["name"] for row in legend}
    panels = metric_choices(results)
    metrics = {metric: label for choices in panels.values() for metric, label in choices.items()}
    points = courses(results)
    across, up = first_metrics(panels)
    measured = {key: label for key, label in QUANTITIES.items() if any(key in point for point in points)}
    sheets = {sheet.row: sheet for sheet in sheets_of_probes(results)}
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    text = page.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        facts=results.facts,
        experiment=results.folder.name,
        seed=results.shown_seed,
        completing=results.completing,
        notes=notes_on(results, names),
        groups=[(title, [row for row in legend if row["group"] == group]) for group, title in GROUPS.items()],
        panels=[(PANELS.get(panel, OTHER_METRICS), choices) for panel, choices in panels.items()],
        across=across,
        up=up,
        times=TIMES,
        quantities=measured,
        quantity=next(iter(measured), None),
        sheets=[(name, sheets[row]) for row, name in names.items() if row in sheets],
        steps=sorted({int(step) for each in sheets.values() for step in each.steps}),
        charts={
            "runs": chart_of_runs(legend, values_of_runs(results), metrics, across, up),
            "courses": chart_of_courses(legend, points, measured | TIMES, "step", next(iter(measured), "")),
        },
        library=_library(),
    )
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def legend_of(results: Results) -> list[dict]:
    """The rows with the look that they have in figures.

    Args:
        results: Results of the experiment.

    Returns:
        For each row its `key`, `name`, `group`, `color` and `path`, the outline of its marker in the square from -1 to
        1, as SVG writes it.
    """
    color, marker = colors(results.methods), markers(results.methods)
    return [
        {
            **vars(row),
            "color": to_hex(color[row.key]),
            "path": _outline(marker.get(row.key, REFERENCE_MARKER)),
        }
        for row in rows(results.experiment)
    ]


def _outline(marker: str) -> str:
    """The outline of a marker of matplotlib as an SVG path in the square from -1 to 1."""
    style, pixels = MarkerStyle(marker), 100
    (polygon,) = style.get_path().transformed(style.get_transform().scale(pixels)).to_polygons()
    polygon = polygon / np.abs(polygon).max()
    return f"M{'L'.join(f'{x:.3g},{-y:.3g}' for x, y in polygon)}Z"


def first_metrics(panels: dict[str | None, dict[str, str]]) -> tuple[str, str]:
    """Where the chart of runs starts: at the first metrics of forgetting and of quality, or at the first two.

    Args:
        panels: As of `explorer_data.metric_choices`.

    Returns:
        The metrics of the horizontal and of the vertical axis; '' without metrics.
    """
    everything = [metric for choices in panels.values() for metric in choices]
    heads = [next(iter(panels[panel])) for panel in ("forgetting", "quality") if panel in panels]
    first = [*heads, *(metric for metric in everything if metric not in heads), "", ""]
    return first[0], first[1] or first[0]


def notes_on(results: Results, names: dict[str, str]) -> list[str]:
    """What a reader must know before the charts, if the experiment is small or runs have no values.

    Args:
        results: Results of the experiment.
        names: Name of each row.

    Returns:
        Sentences.
    """
    runs, notes = results.runs, []
    if len(results.experiment["seeds"]) == 1:
        notes.append("This experiment has one seed. A difference between two methods can be chance.")
    if len(results.methods) == 1:
        notes.append("This experiment has one method.")
    of_methods = runs[runs["method"].isin(results.methods)]
    if not (of_methods["status"] == "finished").any():
        notes.append("No run of a method finished. Only the original and the retrained models have final values.")
    for status, consequence in (
        ("diverged", "They have no final samples, and their lines end where they diverged."),
        ("failed", "They have no values. The table of the experiment names their logs."),
    ):
        counts = runs[runs["status"] == status].groupby("method", sort=False).size()
        if len(counts):
            seeds = len(results.experiment["seeds"])
            listed = ", ".join(f"{names[row]} ({count} of {seeds})" for row, count in counts.items())
            notes.append(f"Runs that {status}: {listed}. {consequence}")
    return notes


@cache
def _library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that needs no network."""
    version = alt.SCHEMA_VERSION.rsplit(".", 1)[0]
    return vl_convert.javascript_bundle(vl_version=version).replace("</script", "<\\/script")

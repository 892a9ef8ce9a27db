"""The two charts of the explorer, as Vega-Lite specifications that a page steers.

A chart reads what the page sets as parameters: `across` and `up` name what the two axes show, `log_across` and `log_up`
say whether an axis is logarithmic, and `shown` lists the rows that are switched on.
"""

import altair as alt

HEIGHT = 400  # pixels
DATA = "data"  # the name of the data in a chart
GREY = "#888888"


def chart_of_runs(rows: list[dict], runs: list[dict], labels: dict[str, str], across: str, up: str) -> dict:
    """A mark for each run at two of its values, with their intervals.

    Args:
        rows: Rows with `key`, `name`, `color` and `path`, the outline of the mark in the square from -1 to 1.
        runs: As of `explorer_data.values_of_runs`.
        labels: Label with unit of each metric.
        across: Metric of the horizontal axis at first.
        up: Metric of the vertical axis at first.

    Returns:
        The specification.
    """
    ends = {
        f"{axis}_{end}": _position(axis, f"datum.{end}[{axis}]") for axis in ("across", "up") for end in ("low", "high")
    }
    texts = {f"{axis}_text": f"labels[{axis}] + ': ' + datum.text[{axis}]" for axis in ("across", "up")}
    base = _placed("datum.value[across]", "datum.value[up]").transform_calculate(
        **ends, **texts, is_bound="datum.bound[across] || datum.bound[up]"
    )
    interval = base.mark_rule(opacity=0.5, aria=False).encode(color=_by_row(alt.Color, rows, "color"))
    layers = [
        interval.transform_filter("isFinite(datum.across_low)").encode(
            x=_axis(alt.X, "across", "across_low"), x2="across_high:Q"
        ),
        interval.transform_filter("isFinite(datum.up_low)").encode(y=_axis(alt.Y, "up", "up_low"), y2="up_high:Q"),
        _marks(base, rows, [_tooltip("across_text:N", "Across"), _tooltip("up_text:N", "Up")]).encode(
            fillOpacity=alt.condition("datum.is_bound", alt.value(0), alt.value(0.75))
        ),
    ]
    return _finished(layers, runs, rows, labels, across=across, up=up)


def chart_of_courses(rows: list[dict], points: list[dict], labels: dict[str, str], across: str, up: str) -> dict:
    """A thin line for each run over its steps, a thick line for the mean of a row, and marks at one step.

    Args:
        rows: As of `chart_of_runs`.
        points: As of `explorer_data.courses`.
        labels: Label of each quantity, and of "step" and "seconds".
        across: "step" or "seconds", at first.
        up: Quantity of the vertical axis at first.

    Returns:
        The specification. Its parameter `step` is the step that the slider has chosen.
    """
    base = _placed("datum[across]", "datum[up]").transform_calculate(
        up_text="labels[up] + ': ' + format(datum[up], '.4~g')"
    )
    means = base.transform_filter("datum.seed == 'mean'")
    line = {"color": _by_row(alt.Color, rows, "color"), "order": "step:Q"}
    tooltip = [
        _tooltip("step:Q", "Step"),
        alt.Tooltip("seconds:Q", title="Seconds", format=".4~g"),
        _tooltip("up_text:N", "Up"),
    ]
    chosen_step = (
        alt.Chart(alt.InlineData(values=[{}]))
        .transform_filter("across == 'step' && (step > 0 || !log_across)")
        .transform_calculate(across_value=_position("across", "step"))
        .mark_rule(color=GREY, strokeDash=[4, 3], aria=False)
        .encode(x=_axis(alt.X, "across", "across_value"))
    )
    layers = [
        chosen_step,
        base.transform_filter("datum.seed != 'mean'")
        .mark_line(strokeWidth=0.8, opacity=0.45, aria=False)
        .encode(detail="seed:N", **line),
        means.mark_line(strokeWidth=2.2, aria=False).encode(**line),
        _marks(means, rows, tooltip).encode(opacity=alt.condition("datum.step == step", alt.value(1), alt.value(0))),
    ]
    return _finished(layers, points, rows, labels, across=across, up=up, step=0)


def _placed(across: str, up: str) -> alt.Chart:
    """The data of the rows that are switched on, at the values of two expressions; without what has no such values."""
    return (
        alt.Chart(alt.NamedData(DATA))
        .transform_filter("indexof(shown, datum.row) >= 0")
        .transform_calculate(
            across_value=_position("across", across), up_value=_position("up", up), name="names[datum.row]"
        )
        .transform_filter("isFinite(datum.across_value) && isFinite(datum.up_value)")
        .encode(x=_axis(alt.X, "across", "across_value"), y=_axis(alt.Y, "up", "up_value"))
    )


def _position(axis: str, value: str) -> str:
    """The expression of a place on an axis: the logarithm is taken here, for the type of a scale cannot change."""
    return f"!isValid({value}) ? NaN : log_{axis} ? log({value}) / LN10 : {value}"


def _axis(channel: type, axis: str, field: str) -> alt.X | alt.Y:
    """A channel of a place. The page replaces the title by the label of what the axis shows."""
    text = f"log_{axis} ? format(pow(10, datum.value), '.2~r') : format(datum.value, '.4~g')"
    return channel(
        f"{field}:Q",
        scale=alt.Scale(zero=False, nice=True),
        axis=alt.Axis(title=axis, labelExpr=text, tickCount=6, labelFlush=True, titleLimit=HEIGHT),
    )


def _marks(chart: alt.Chart, rows: list[dict], tooltip: list[alt.Tooltip]) -> alt.Chart:
    """Marks with the look of their rows, which tell their values to a pointer."""
    return chart.mark_point(size=60, strokeWidth=1.5, opacity=1, fillOpacity=0.75).encode(
        shape=_by_row(alt.Shape, rows, "path"),
        color=_by_row(alt.Color, rows, "color"),
        fill=_by_row(alt.Fill, rows, "color"),
        tooltip=[_tooltip("name:N", "Method"), _tooltip("seed:N", "Seed"), *tooltip],
    )


def _by_row(channel: type, rows: list[dict], look: str) -> alt.Color | alt.Fill | alt.Shape:
    """A channel that depends on the row. The page has the legend."""
    scale = alt.Scale(domain=[row["key"] for row in rows], range=[row[look] for row in rows])
    return channel("row:N", scale=scale, legend=None)


def _tooltip(field: str, title: str) -> alt.Tooltip:
    return alt.Tooltip(field, title=title)


def _finished(layers: list[alt.Chart], data: list[dict], rows: list[dict], labels: dict, **parameters: object) -> dict:
    names = {row["key"]: row["name"] for row in rows}
    fixed = {"shown": list(names), "names": names, "labels": labels, "log_across": False, "log_up": False}
    specification = (
        alt.layer(*layers)
        .add_params(*(alt.param(name=name, value=value) for name, value in (fixed | parameters).items()))
        .properties(width="container", height=HEIGHT)
        .configure_view(stroke=None)
        .configure_axis(gridColor="#e8e8e8", titleFontWeight="normal", titleFontSize=13, labelFontSize=12)
        .to_dict()
    )
    return specification | {"datasets": {DATA: data}}  # added last: Altair would check and copy every value

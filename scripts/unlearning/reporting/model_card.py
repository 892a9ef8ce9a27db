"""The Markdown page that goes with an exported model: what it is, what it forgot, and how that was judged."""

import json

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from unlearning.config.experiment import algorithm_of
from unlearning.io.files import ROOT
from unlearning.plugins.describe import method_heading
from unlearning.reporting.results import Results, label_with_unit

TEMPLATE = "model_card.md.j2"


def model_card(results: Results, method: str, seed: int, **facts: object) -> str:
    """Write the page of one model.

    Args:
        results: Results of the experiment.
        method: Name of the row.
        seed: Seed of the run.
        facts: Further facts that the template names.

    Returns:
        Markdown.
    """
    runs = results.metrics
    run = runs[(runs["method"] == method) & (runs["seed"] == seed)]
    title, _ = method_heading(algorithm_of(results.experiment, method))
    environment = Environment(loader=FileSystemLoader(ROOT / "report"), undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template(TEMPLATE).render(
        results.facts,
        method=method,
        method_title=title,
        seed=seed,
        settings=json.dumps(results.experiment["methods"][method], sort_keys=True),
        status=run["status"].iloc[0],
        metrics=list(_metrics(results, run)),
        references=[row for row in results.rows if row not in results.methods],
        **facts,
    )


def _metrics(results: Results, run: pd.DataFrame):
    """Label, text of the value, and description of each metric that the run has a value of."""
    values = run.set_index("metric")
    for metric, description in results.descriptions.items():
        if metric in values.index and np.isfinite(values.loc[metric, "value"]):
            yield label_with_unit(description), _text(values.loc[metric]), description["description"]


def _text(value: pd.Series) -> str:
    """A value with its 95 % interval, if one is known, or as a lower bound."""
    if value["censored"]:
        return f"more than {value['value']:.4g}"
    known = np.isfinite(value["low"]) and np.isfinite(value["high"])
    return f"{value['value']:.4g}" + (f" [{value['low']:.4g}, {value['high']:.4g}]" if known else "")

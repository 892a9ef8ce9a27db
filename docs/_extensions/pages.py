"""Pages that are written from the code, the configurations and the published results, before Sphinx reads its sources.

`docs/_pages/{page}.md.j2` says what a page looks like. The facts come from the plug-ins' own files, see `plugin_pages`,
from `configs/`, see `experiment_pages`, and from `docs/results/`, see `result_pages` and `performance_pages`. Git
ignores the written pages.
"""

from pathlib import Path

import experiment_pages
import performance_pages
import plugin_pages
import result_pages
from configurations import configured
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError


def write_pages(app: Sphinx, config: Config) -> None:
    """Write every such page, but leave a file alone whose text does not change: Sphinx then does not read it again.

    Raises:
        ConfigError: a file that the pages are written from is wrong.
    """
    try:
        write_from_facts(Path(app.srcdir))
    except ValueError as error:
        raise ConfigError(str(error)) from None


def templates(docs: Path) -> Environment:
    """The forms of the pages."""
    forms = Environment(
        loader=FileSystemLoader(docs / "_pages"), trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    forms.filters |= {"cell": plugin_pages.cell, "linked": plugin_pages.linked}
    return forms


def write_from_facts(docs: Path) -> None:
    """Write the pages into the folder of the documentation."""
    forms = templates(docs)
    experiments = experiment_pages.experiments(docs)
    results = {name: result_pages.results(docs / "results" / name, settings) for name, settings in configured().items()}
    pages = {
        "methods": {"groups": plugin_pages.methods()},
        "models": {"models": plugin_pages.models(), "datasets": plugin_pages.datasets()},
        "metrics": {"panels": plugin_pages.metrics(), "files": plugin_pages.metric_files()},
        "experiments": {"experiments": experiments, "results": results},
        "results": {"experiments": experiments, "results": results},
        "performance": performance_pages.performance(docs / "results" / "benchmarks"),
    }
    for page, facts in pages.items():
        write(docs / f"{page}.md", forms.get_template(f"{page}.md.j2").render(facts))
    for experiment in experiments:
        page = docs / "results" / f"{experiment['name']}.md"
        facts = {"experiment": experiment, "results": results[experiment["name"]]}
        write(page, forms.get_template("experiment_results.md.j2").render(facts))


def write(path: Path, text: str) -> None:
    """Write a page unless it has this text."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict:
    """Register with Sphinx."""
    app.connect("config-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

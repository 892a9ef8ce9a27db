"""Captions of the report."""

import dataclasses

import jinja2
import pytest
from docutils.core import publish_parts

from unlearning.io.files import ROOT
from unlearning.reporting import captions
from unlearning.reporting.captions import plain_text, render_caption, write_caption

from ..made_up import of_values

MARKUP = r"*x* **y** |z| `a` b_ __c__ \d :e:`f` .. g"


def shown(source):
    """The text of a page of the report; any problem of the markup is an error."""
    return publish_parts(source, writer="html5", settings_overrides={"halt_level": 2})["body"]


@pytest.fixture
def results():
    made = of_values({("fid_retain", "uno"): [1.0, 2, 3]})
    return dataclasses.replace(made, experiment=made.experiment | {"title": MARKUP})


@pytest.fixture
def template(tmp_path, monkeypatch):
    """Write a template and render it."""
    monkeypatch.setattr(captions, "TEMPLATES", tmp_path)

    def render(text, results, **facts):
        (tmp_path / "made_up.j2").write_text(text, encoding="utf-8")
        return render_caption("made_up", results, **facts)

    return render


@pytest.mark.parametrize(
    ("name", "facts"), [("conditions", {}), ("latent_space", {"latents": 9, "seed": 0, "numbered": False})]
)
def test_a_title_is_shown_as_it_was_written(results, tmp_path, name, facts):
    write_caption(tmp_path / "caption.rst", render_caption(name, results, **facts))
    assert f"{MARKUP}: 1 training image of class 1 to forget" in shown(
        (tmp_path / "caption.rst").read_text(encoding="utf-8")
    )


def test_a_template_is_markup_and_its_facts_are_text(results, template):
    text = template(
        "**Stressed**: {{ fact }}, {{ [fact, 1]|join(' ') }}\n5 % of published/\\*.csv.", results, fact="x_"
    )
    assert text == r"**Stressed**: x\_, x\_ 1 5 % of published/\*.csv."
    assert "<strong>Stressed</strong>: x_, x_ 1 5 % of published/*.csv." in shown(text)
    assert plain_text(text) == "**Stressed**: x_, x_ 1 5 % of published/*.csv."


def test_plain_text_is_the_fact_itself(results):
    assert plain_text(captions.escape(MARKUP)) == MARKUP


def test_a_fact_that_a_template_does_not_get_is_an_error(results, template):
    with pytest.raises(jinja2.UndefinedError, match="threshold"):
        template("{{ threshold }} %", results)


def test_the_report_shows_titles_and_names_as_they_were_written():
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)  # as Snakemake's
    experiment = {"title": MARKUP, "methods": {"uno_": {}}, "seeds": [0, 1], "unlearning": {"steps": 7}}

    template = environment.from_string((ROOT / "report" / "workflow.rst").read_text(encoding="utf-8"))
    page = shown(template.render(snakemake={"config": {"experiments": {"x_": experiment}}}))
    assert f"<strong>x_</strong>: {MARKUP}.\nThe original, the retrained model and\n1 methods" in page
    assert "(uno_); 2\nseeds" in page
    without = template.render(snakemake={"config": {"experiments": {"x_": experiment | {"references": ["original"]}}}})
    assert "The original and\n1 methods" in shown(without)

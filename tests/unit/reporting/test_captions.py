"""Captions of the report."""

from docutils.core import publish_string

from unlearning.reporting.captions import write_caption


def test_a_caption_is_shown_as_it_was_written(tmp_path):
    text = "**Stressed.** 5 % of published/*.csv, *: by x_ and |y| of `z`, a\\b; runs_3, _a and __b__."
    write_caption(tmp_path / "caption.rst", text)
    source = (tmp_path / "caption.rst").read_text()
    html = publish_string(source, writer="html5", settings_overrides={"halt_level": 2}).decode()
    assert "<strong>Stressed.</strong> " + text.removeprefix("**Stressed.** ") in html

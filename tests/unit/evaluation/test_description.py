"""What the files of metrics say of themselves."""

import pytest

from unlearning.evaluation.description import describe_columns, describe_metrics
from unlearning.plugins import describe
from unlearning.plugins.describe import plugin_names
from unlearning.plugins.load import load_plugin


def test_every_metric_is_described_once():
    names = set()
    for name in plugin_names("metrics"):
        described = describe_metrics(name)
        grouped = load_plugin("metrics", name).METRICS
        assert len(described) == sum(4 if entry.get("by_group") else 1 for entry in grouped.values())
        assert not names & set(described), f"{name} computes a metric that another file computes too"
        names |= set(described)
        for metric, description in described.items():
            optional = {"event", "normalised", "has_threshold"}
            assert set(description) - optional == {"label", "unit", "table", "description"}, metric


@pytest.fixture
def described(tmp_path, monkeypatch):
    """Write a metric's file and describe it."""
    monkeypatch.setattr(describe, "LIBRARY", tmp_path)
    (tmp_path / "metrics").mkdir()

    def write(name, literals="", **changes):
        entry = {"label": "Glow", "unit": "", "table": True, "description": "glow of the images"} | changes
        entry = {key: value for key, value in entry.items() if value is not None}
        (tmp_path / "metrics" / f"{name}.py").write_text(
            f"METRICS = {{'glow': {entry}}}\n{literals}\ndef compute(evidence): pass\n"
        )
        return describe_metrics(name)

    yield write
    describe.describe_plugin.cache_clear()
    describe_metrics.cache_clear()
    describe.plugin_constant.cache_clear()
    describe_columns.cache_clear()


def test_every_group_of_a_metric_has_the_scale_that_the_metric_declares(described):
    for name, scale in (("glow_with", True), ("glow_without", None)):
        metrics = described(name, by_group=True, normalised=scale)
        assert len(metrics) == 4
        assert all(bool(entry.get("normalised")) == bool(scale) for entry in metrics.values())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"label": None, "unit": None}, r"METRICS\.glow lacks label, unit"),
        ({"normalized": True}, r"METRICS\.glow\.normalized: no such key; the keys are .*label, normalised"),
        ({"normalised": "yes"}, r"METRICS\.glow\.normalised: 'yes' is neither True nor False"),
    ],
)
def test_an_entry_that_cannot_be_meant_is_named(described, changes, said):
    with pytest.raises(ValueError, match=said):
        described("glow_wrong", **changes)


def test_a_metric_names_its_panel_and_an_earlier_event_is_better(described):
    described("glow_shown", "PANELS = {'glow': 'quality'}\nBETTER = {'glow': 'higher'}")
    assert describe_columns("glow_shown") == {"glow": {"panel": "quality", "better": "higher"}}
    described("glow_event", event=True)
    assert describe_columns("glow_event") == {"glow": {"panel": None, "better": "lower"}}


@pytest.mark.parametrize(
    ("literals", "said"),
    [
        ("PANELS = {'glow': 'looks'}", r"PANELS\.glow = 'looks': must be one of 'forgetting', "),
        ("PANELS = {'glows': 'cost'}", r"PANELS\.glows: no such metric; the metrics of the file are glow"),
        ("BETTER = {'glow': 'more'}", r"BETTER\.glow = 'more': must be one of 'lower', 'higher'"),
    ],
)
def test_a_panel_or_direction_that_cannot_be_meant_is_named(described, literals, said):
    described("glow_wrong", literals)
    with pytest.raises(ValueError, match=said):
        describe_columns("glow_wrong")

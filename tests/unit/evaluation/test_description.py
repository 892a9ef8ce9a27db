"""What the files of metrics say of themselves."""

from unlearning.evaluation.description import describe_metrics
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
            assert set(description) - {"event"} == {"label", "unit", "table", "description"}, metric

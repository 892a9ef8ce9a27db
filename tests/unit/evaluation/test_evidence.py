"""What a run has, and values as JSON."""

import pytest

from unlearning.evaluation.density import DensityEvidence
from unlearning.evaluation.evidence import Value
from unlearning.plugins.describe import plugin_names
from unlearning.plugins.load import load_plugin

from ..metrics.runs import evidence


def test_evidence_of_an_unknown_name_is_refused():
    everything = DensityEvidence(**vars(evidence()))
    for name in plugin_names("metrics"):
        assert everything.has(load_plugin("metrics", name).NEEDS) in (True, False)
    with pytest.raises(ValueError, match="NEEDS = 'sample': no evidence has this name"):
        evidence().has("sample")


def test_values_that_are_not_finite_are_text_in_json():
    expected = {"value": "inf", "low": 1.0, "high": None, "censored": False, "undecided": False}
    assert Value(float("inf"), low=1.0).as_json() == expected

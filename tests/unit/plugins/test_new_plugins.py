"""A new data set, model, method, metric and figure: one file each, as the documentation says, and no other change."""

import json

import numpy as np
import pandas as pd
import pytest

from ...clone import Clone
from ...documents import follow


def test_a_plugin_of_each_kind_is_one_file(tmp_path):
    clone = Clone.make(tmp_path / "clone").with_packages()
    assert list(follow("add_your_own", clone))
    assert clone.pending("--config", "experiments=[own]", "data_source=my_pictures") == {}

    results = clone.path / "results" / "own"
    values = pd.read_csv(results / "metrics.csv").set_index(["method", "metric"])["value"]
    with np.load(results / "seed0" / "pulled_ascent" / "samples.npz") as samples:
        assert values["pulled_ascent", "brightness"] == pytest.approx(100 * samples["images"].mean() / 255)
    assert list(pd.read_csv(results / "table.csv")["Method"]) == ["original", "retrain", "pulled_ascent"]
    assert "Brightness" in (results / "table.md").read_text()
    assert (results / "figures" / "dots.pdf").stat().st_size > 1000
    assert (results / "figures" / "dots.rst").read_text()
    assert json.loads((results / "manifest.json").read_text())["data"]["name"] == "stripes"

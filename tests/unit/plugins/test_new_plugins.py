"""A new data set, model, method, metric and figure: one file each, and nothing else is touched."""

import hashlib
import inspect
import json
import re
import textwrap

import numpy as np
import pandas as pd

from unlearning import datasets, figures, models

from ...clone import Clone

METHOD = '''
"""Gradient ascent on the forget loss, weighted."""

from torch import Tensor

PARAMETERS = {"weight": {"type": "number", "minimum": 0, "description": "weight of the forget gradient"}}
MODELS = "generating"


def direction(step, weight: float) -> Tensor:
    """d = g_r - w g_f."""
    return step.retain.gradient - weight * step.forget.gradient
'''
METRIC = '''
"""How many samples were judged, in hundreds."""

from unlearning.evaluation.evidence import Value

METRICS = {
    "hundreds": {"label": "Hundreds", "unit": "", "table": True, "description": "samples over 100, of {samples}"},
}
NEEDS = "samples"
SETTINGS = ["threshold"]


def compute(evidence) -> dict:
    """Count them."""
    return {"hundreds": Value(len(evidence.samples.classes) / 100)}
'''


def example_in(package, start):
    """The code of the example in the docstring of a package, from its first line on."""
    text = inspect.cleandoc(package.__doc__)
    indented = re.search(rf"^( +){re.escape(start)}.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL).group(0)
    # The docstring ends a paragraph of prose where the indentation ends.
    return textwrap.dedent(indented)


def write_stripes(source):
    """Images of stripes as the example of a data set has them; returns the checksum of their file."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 60, (240, 1, 8, 8)).astype(np.uint8)
    labels = np.arange(240) % 2
    images[labels == 0, :, ::2, :] += 180
    images[labels == 1, :, :, ::2] += 180
    (source / "stripes").mkdir(parents=True)
    file = source / "stripes" / "stripes.npz"
    np.savez(file, images=images, labels=labels, heldout=np.arange(240) % 12 < 2)
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_plugin_of_each_kind_is_one_file(tmp_path):
    clone = Clone.make(tmp_path / "clone")
    stripes = example_in(datasets, "'''Stripes").replace("sha256:…", f"sha256:{write_stripes(tmp_path / 'source')}")
    files = {
        "datasets/stripes.py": stripes.replace("[8, 8],", "[100, 100],").replace("[2, 2],", "[20, 20],"),
        "models/linear_vae.py": example_in(models, "'''Variational autoencoder with one"),
        "methods/weighted.py": METHOD,
        "metrics/hundreds.py": METRIC,
        "figures/dots.py": example_in(figures, "import matplotlib"),
    }
    for name, text in files.items():
        path = clone.path / "scripts" / "unlearning" / name
        assert not path.exists()
        path.write_text(text.replace('"forget_fraction"', '"hundreds"'))
    clone.write_experiment(
        dataset="stripes",
        forget_set={"classes": ["horizontal"]},
        seeds=[0],
        model={"linear_vae": {"latent_dimensions": 2}},
        methods={"weighted": {"weight": 0.5}},
        evaluation={"samples": 200, "threshold": 0.02, "metrics": ["hundreds"]},
        figures=["dots"],
    )
    source = ("--config", f"data_source={tmp_path / 'source'}")
    clone.run("--cores", "2", *source)
    assert clone.pending(*source) == {}

    results = clone.path / "results" / "tiny"
    metrics = pd.read_csv(results / "metrics.csv").set_index(["method", "metric"])
    assert metrics.loc[("weighted", "hundreds"), "value"] == 2.0
    assert list(pd.read_csv(results / "table.csv")["Method"]) == ["original", "retrain", "weighted"]
    assert "Hundreds" in (results / "table.md").read_text()
    assert (results / "figures" / "dots.pdf").stat().st_size > 1000
    assert (results / "figures" / "dots.rst").read_text()
    assert json.loads((results / "manifest.json").read_text())["data"]["name"] == "stripes"

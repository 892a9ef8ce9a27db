"""A new data set, model, method, metric and figure: one file each, as documented, and no other change."""

import hashlib
import inspect
import json
import re
import textwrap

import numpy as np
import pandas as pd
import pytest

from unlearning import datasets, figures, metrics, models
from unlearning.training.step import Step

from ...clone import Clone


def example_of(documented, start):
    """The code in the docstring of a package or a class, from the line that starts so to the end of the example."""
    text = inspect.cleandoc(documented.__doc__)
    code = re.search(rf"^( +){re.escape(start)}.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL).group(0)
    return textwrap.dedent(code)


def write_stripes(source):
    """Write the file of the documented data set, 100 images of each class to train with and 20 held out."""
    images = np.random.default_rng(0).integers(0, 60, (240, 1, 8, 8)).astype(np.uint8)
    labels = np.arange(240) % 2
    images[labels == 0, :, ::2, :] += 180
    images[labels == 1, :, :, ::2] += 180
    (source / "stripes").mkdir(parents=True)
    file = source / "stripes" / "stripes.npz"
    np.savez(file, images=images, labels=labels, heldout=np.arange(240) % 12 < 2)
    checksum = f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    code = example_of(datasets, "'''Stripes").replace("sha256:…", checksum)
    return code.replace("[8, 8],", "[100, 100],").replace("[2, 2],", "[20, 20],")


def test_a_plugin_of_each_kind_is_one_file(tmp_path):
    clone = Clone.make(tmp_path / "clone")
    files = {
        "datasets/stripes.py": write_stripes(tmp_path / "source"),
        "models/linear_vae.py": example_of(models, "'''Variational autoencoder with one"),
        "methods/weighted.py": example_of(Step, "'''Descent on the retain loss"),
        "metrics/brightness.py": example_of(metrics, "'''Mean brightness"),
        "figures/dots.py": example_of(figures, "import matplotlib").replace("forget_fraction", "brightness"),
    }
    for name, code in files.items():
        path = clone.path / "scripts" / "unlearning" / name
        assert not path.exists()
        path.write_text(code)
    clone.write_experiment(
        dataset="stripes",
        forget_set={"classes": ["horizontal"]},
        seeds=[0],
        model={"linear_vae": {"latent_dimensions": 2}},
        methods={"weighted": {"forget_weight": 0.5}},
        evaluation={"samples": 200, "metrics": ["brightness"]},
        figures=["dots"],
    )
    source = ("--config", f"data_source={tmp_path / 'source'}")
    clone.run("--cores", "2", *source)
    assert clone.pending(*source) == {}

    results = clone.path / "results" / "tiny"
    values = pd.read_csv(results / "metrics.csv").set_index(["method", "metric"])["value"]
    with np.load(results / "seed0" / "weighted" / "samples.npz") as samples:
        assert values["weighted", "brightness"] == pytest.approx(100 * samples["images"].mean() / 255)
    assert list(pd.read_csv(results / "table.csv")["Method"]) == ["original", "retrain", "weighted"]
    assert "Brightness" in (results / "table.md").read_text()
    assert (results / "figures" / "dots.pdf").stat().st_size > 1000
    assert (results / "figures" / "dots.rst").read_text()
    assert json.loads((results / "manifest.json").read_text())["data"]["name"] == "stripes"

"""What users do first: bad input, other forget sets, and a method of their own as the documentation says."""

import json
import re

import pandas as pd
import pytest

from ..clone import FIGURES, Clone
from ..documents import file_of


@pytest.fixture
def clone(tmp_path):
    made = Clone.make(tmp_path / "clone")
    made.write_experiment()
    return made


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("configs/tiny.yaml", "  uno:", "  unoo:", ["configs/tiny.yaml: methods.unoo", "did you mean 'uno'"]),
        ("configs/tiny.yaml", "steps: 10", "steps: -10", ["unlearning.steps = -10: must be at least 1"]),
        ("configs/tiny.yaml", "  - 0\nseeds", "  - 12\nseeds", ["forget_set.classes = 12: not a class of digits"]),
        ("configs/tiny.yaml", "seeds:", "seeds: [", ["configs/tiny.yaml, line", "not valid YAML"]),
        ("config.yaml", "- tiny", "- tinny", ["config.yaml: experiments.0 = 'tinny'", "did you mean 'tiny'"]),
    ],
)
def test_bad_input_ends_with_one_message_before_any_job(clone, file, old, new, said):
    clone.replace(file, old, new)
    done = clone.snakemake("--cores", "1")
    output = done.stdout + done.stderr
    assert done.returncode != 0
    for part in said:
        assert part in output
    assert "Traceback" not in output
    assert clone.made() == []


def test_a_fraction_of_everything_with_a_single_seed(clone):
    """No class is forgotten as a whole and no other seed is there to compare with: gaps, not failures."""
    selection = {"classes": "all", "fraction": 0.1, "seed": 3}
    figures = ["samples", "forget_fraction", "class_histograms"]
    clone.write_experiment(forget_set=selection, seeds=[4], methods={"surgery_forget": {}}, figures=figures)
    clone.run("--cores", "2")
    results = clone.path / "results" / "tiny"
    forget_set = json.loads((results / "forget_set.json").read_text())
    assert (len(forget_set["forget"]), forget_set["forgotten_classes"]) == (144, [])
    table = pd.read_csv(results / "metrics.csv").set_index(["method", "metric"])["value"]
    for metric in ("forget_fraction", "fid_retrain", "sustained_crossing_steps", "negative_elbo_heldout_forget"):
        assert pd.isna(table["surgery_forget", metric]), metric
    for metric in ("fid_retain", "negative_elbo_forget", "negative_elbo_heldout_retain", "ms_per_step"):
        assert table["surgery_forget", metric] > 0, metric


def test_a_method_added_as_the_documentation_says_is_in_every_table_and_figure(copy):
    name = "pulled_ascent"
    path = f"scripts/unlearning/methods/{name}.py"
    parameters = re.search(rf"^  {name}: (.*)$", file_of("add_your_own", "configs/own.yaml"), re.M).group(1)
    (copy.path / path).write_text(file_of("add_your_own", path))
    copy.replace("configs/tiny.yaml", "  uno:\n", f"  {name}: {parameters}\n  uno:\n")
    before = {path: path.stat().st_ino for path in copy.path.glob("results/tiny/seed*/*/model.safetensors")}
    copy.run("--cores", "2")
    assert all(path.stat().st_ino == number for path, number in before.items())

    results = copy.path / "results" / "tiny"
    for table in ("table.csv", "metrics.csv", "manifest.json"):
        assert name in (results / table).read_text(), table
    title = "Ascent with a pull"
    for table in ("table.md", "table.html", "table.tex"):
        assert title in (results / table).read_text(), table
    for figure in FIGURES:
        svg = (results / "figures" / f"{figure}.svg").read_text()
        assert f"<!-- {name}" in svg or f"<!-- {title}" in svg, figure


def test_data_may_contain_results(clone):
    assert clone.pending("--config", "data=scratch", "results=scratch/results")["evaluate"] == 2 * 5

"""Image-to-image unlearning, made very small, from data to table."""

import json

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from unlearning.files import sha256_of_file

from ..clip import publish_clip
from ..clone import Clone

GROUPS = ("forget", "retain", "heldout_forget", "heldout_retain")
I2I = {"rule": "i2i", "forget_weight": 0.25, "forget_target": "full_noise"}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    clone = Clone.make(tmp_path_factory.mktemp("completions") / "clone")
    published = publish_clip(tmp_path_factory.mktemp("clip"))
    datasets = clone.path / "scripts" / "unlearning" / "datasets"
    (datasets / "other_digits.py").write_text((datasets / "digits.py").read_text())
    clone.write_experiment(
        base="digits-i2i-mae",
        evaluation__embedding={
            "source": str(published.parent),
            "file": published.name,
            "sha256": sha256_of_file(published),
            "config_sha256": sha256_of_file(published.parent / "config.json"),
        },
        seeds=[0],
        training__epochs=2,
        unlearning__steps=4,
        unlearning__measure=[{"until": 4, "every": 2}],
        evaluation__samples=80,
        proxies={"not_covering": {"classes": [1, 4, 7]}, "elsewhere": {"dataset": "other_digits"}},
        methods={
            "finetune": {},
            "i2i_proxy": I2I | {"retain_images": "not_covering"},
            "i2i_elsewhere": I2I | {"retain_images": "elsewhere"},
        },
        figures=["completions"],
    )
    clone.run("--cores", "2")
    return clone.path / "results" / "tiny"


def test_every_method_completes_the_same_images_under_the_same_masks(results):
    runs = [np.load(path) for path in sorted(results.glob("seed*/*/samples.npz"))]
    assert len(runs) == 5
    for group in GROUPS:
        first = runs[0][f"{group}.images"], runs[0][f"{group}.hidden"]
        assert all(len(part) for part in first)
        for run in runs:
            images, hidden, completed = (run[f"{group}.{name}"] for name in ("images", "hidden", "completed"))
            np.testing.assert_array_equal(images, first[0])
            np.testing.assert_array_equal(hidden, first[1])
            np.testing.assert_array_equal(completed[~hidden], images[~hidden])


def test_only_the_encoder_moves_where_only_the_encoder_may(results):
    before, after = (load_file(results / "seed0" / name / "model.safetensors") for name in ("original", "i2i_proxy"))
    moved = {name for name, value in after.items() if not np.array_equal(value, before[name])}
    assert moved
    assert all(name.startswith("network.vit.") for name in moved)
    records = {
        name: json.loads((results / "seed0" / name / "record.json").read_text()) for name in ("finetune", "i2i_proxy")
    }
    assert records["i2i_proxy"]["decoder_drift"] == 0 < records["i2i_proxy"]["encoder_drift"]
    assert records["finetune"]["decoder_drift"] > 0


def test_another_data_set_can_stand_for_the_retain_set(results):
    record = json.loads((results / "seed0" / "i2i_elsewhere" / "record.json").read_text())
    proxy = results.parents[1] / "data" / "other_digits" / "prepared.safetensors"
    assert record["inputs_sha256"]["proxy"] == sha256_of_file(proxy)


def test_the_table_has_every_method_and_the_metrics_of_held_out_images(results):
    table = pd.read_csv(results / "table.csv", index_col="Method")
    assert list(table.index) == ["original", "retrain", "finetune", "i2i_proxy", "i2i_elsewhere"]
    for column in (
        "Recognised held-out forget (%)",
        "FID (judge features) held-out retain",
        "Cosine (CLIP embeddings) held-out forget",
    ):
        assert (table[column] != "–").all(), column
    assert (results / "figures" / "completions.pdf").stat().st_size > 1000


def test_the_retrained_model_saw_all_but_the_forget_set(results):
    chosen = json.loads((results / "forget_set.json").read_text())
    assert chosen["others"]
    assert not set(chosen["others"]) & set(chosen["retain"] + chosen["forget"])

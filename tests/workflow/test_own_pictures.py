"""Bring your own data: pictures and a table of their attributes, described as documented, up to the main table."""

import json

import pandas as pd
from PIL import Image

from ..clone import Clone
from ..miniature import write_flowers

TABLE = "results/tiny/table.csv"


def test_an_attribute_of_your_own_pictures_is_forgotten_and_a_replaced_picture_noticed(tmp_path):
    clone, source = Clone.make(tmp_path / "clone"), tmp_path / "source"
    code = write_flowers(source / "flowers", train=90, heldout=30)
    (clone.path / "scripts" / "unlearning" / "datasets" / "flowers.py").write_text(code)
    clone.write_experiment(
        base="mnist-attribute",
        dataset="flowers",
        forget_set={"attribute": "red"},
        seeds=[0],
        model={"conv_vae": {"channels": [4, 8], "latent_dimensions": 2, "pixel_deviation": 0.5}},
        judge__hidden_units=[16],
        judge__batch_size=16,
        training__batch_size=16,
        methods={"finetune": {}},
    )
    wanted = (TABLE, "--cores", "2", "--config", f"data_source={source}")
    clone.run(*wanted)
    results = clone.path / "results" / "tiny"
    chosen = json.loads((results / "forget_set.json").read_text())
    assert {group: len(chosen[group]) for group in ("forget", "retain", "heldout_forget", "heldout_retain")} == {
        "forget": 30,
        "retain": 60,
        "heldout_forget": 10,
        "heldout_retain": 20,
    }
    assert json.loads((results / "judge" / "accuracy.json").read_text())["confusion_true_by_predicted"] == [
        [20, 0],
        [0, 10],
    ]
    table = pd.read_csv(clone.path / TABLE, index_col="Method")
    assert list(table.index) == ["original", "retrain", "finetune"]
    assert "30 training images of class red to forget, 60 to retain" in (results / "table.md").read_text()
    assert clone.pending(*wanted) == {}
    Image.new("RGB", (90, 70), (200, 20, 90)).save(source / "flowers" / "images" / "0.jpg")
    assert {"fetch_dataset", "prepare_dataset", "train"} <= set(clone.pending(*wanted))

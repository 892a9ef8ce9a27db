"""Bring your own data: pictures and a table of their attributes, described as documented, up to the main table."""

import json
import os
import shutil

import pandas as pd

from ..clone import Clone
from ..miniature import write_flowers

TABLE = "results/tiny/table.csv"


def test_an_attribute_of_your_own_pictures_is_forgotten_and_changes_of_them_noticed(tmp_path):
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
    source.rename(tmp_path / "unmounted")
    assert clone.pending(*wanted) == {}
    shutil.copytree(tmp_path / "unmounted", source, copy_function=shutil.copyfile)
    assert clone.pending(*wanted) == {}
    picture = source / "flowers" / "images" / "0.jpg"
    status = picture.stat()
    picture.write_bytes(picture.read_bytes()[:-1] + b"#")
    os.utime(picture, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert {"fetch_dataset", "prepare_dataset", "train"} <= set(clone.pending(*wanted))
    picture.with_name("new.heic").touch()
    done = clone.snakemake("--dry-run", *wanted)
    assert done.returncode != 0, "refused though all results are there"
    assert "attributes.csv: has no row for 1 of 121 files in" in done.stdout + done.stderr
    picture.with_name("new.heic").unlink()
    shutil.copyfile(tmp_path / "unmounted" / "flowers" / "images" / "0.jpg", picture)
    labels = source / "flowers" / "attributes.csv"
    labels.write_text(
        labels.read_text().replace("0.jpg,train,1", "0.jpg,train,0", 1).replace("2.jpg,train,0", "2.jpg,train,1", 1)
    )
    clone.run("results/tiny/forget_set.json", *wanted[1:])
    forgotten = json.loads((results / "forget_set.json").read_text())["forget"]
    assert set(forgotten) == set(chosen["forget"]) - {0} | {2}

"""The experiments on ImageNet and Places on made-up miniatures in their layout: from folders to tables and verdicts."""

import json

import pandas as pd
import pytest

from unlearning.datasets import Dataset

from ..clone import ROOT, Clone
from ..miniature import write_class_folders

I2I = {"rule": "i2i", "retain_images": "others", "forget_weight": 0.2, "forget_target": "full_noise"}
SMALL = {
    "device": "cpu",
    "seeds": [0],
    "forget_set": {"classes": {"start": 0, "count": 3}, "retain_classes": {"start": 3, "count": 3}},
    "proxies": {"others": {"classes": {"start": 6, "count": 3}}},
    "training": {"epochs": 2, "batch_size": 32, "learning_rate": 1e-3},
    "judge": {
        "convolutions": [8],
        "hidden_units": [8],
        "seed": 0,
        "epochs": 3,
        "batch_size": 32,
        "learning_rate": 1e-3,
    },
    "unlearning__batch_size": 16,
    "unlearning__steps": 4,
    "unlearning__samples": 20,
    "unlearning__measure": [{"until": 4, "every": 2}],
    "evaluation__samples": 20,
    "evaluation__features": "judge",
    "methods": {"i2i_proxy": I2I},
    "figures": ["completions"],
}
MAE = {"patch": 8, "width": 16, "layers": 1, "heads": 2, "decoder_width": 16, "decoder_layers": 1, "decoder_heads": 2}


def miniature(path, name, suffix, classes, **changes):
    """A clone with a small copy of a data set's experiment, and a source with nine classes for it."""
    clone = Clone.make(path / "clone")
    write_class_folders(path / "source" / name, classes, train=8, val=4, suffix=suffix)
    plugin = f"scripts/unlearning/datasets/{name}.py"
    side = {"imagenet": 224, "places": 256}[name]
    clone.replace(plugin, f'"image_shape": [3, {side}, {side}]', '"image_shape": [3, 32, 32]')
    clone.write_experiment(base=f"{name}-i2i", **SMALL | changes)
    return clone, ("--config", f"data_source={path / 'source'}")


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    clone, source = miniature(
        tmp_path_factory.mktemp("imagenet"),
        "imagenet",
        "JPEG",
        [f"n{number:08d}" for number in range(9)],
        model={"masked_autoencoder": {"mask": {"centre_hole": {"side": 16}}, **MAE, "pretrained": None}},
    )
    return clone, source, clone.run("--cores", "2", "all", "check", *source)


def test_the_imagenet_experiment_runs_from_folders_to_verdicts(checked):
    clone, _, output = checked
    results = clone.path / "results" / "tiny"
    data = Dataset.load(clone.path / "data" / "imagenet" / "prepared.safetensors")
    assert data.images.shape == (9 * 12, 3, 32, 32)
    chosen = json.loads((results / "forget_set.json").read_text())
    assert set(data.labels[chosen["forget"]]) == {0, 1, 2}
    assert set(data.labels[chosen["heldout_retain"]]) == {3, 4, 5}
    table = pd.read_csv(results / "table.csv", index_col="Method")
    assert list(table.index) == ["original", "retrain", "i2i_proxy"]
    assert (table["FID (judge features) held-out forget"] != "–").all()
    assert "n00000000, n00000001, n00000002" in (results / "table.md").read_text()
    published = pd.read_csv(ROOT / "published" / "i2i.csv")
    verdicts = pd.read_csv(results / "verdicts.csv")
    assert len(verdicts) == (published["dataset"] == "imagenet").sum()
    assert verdicts["Reason"].str.contains("published value not available").all()
    assert verdicts["Verdict"].eq("not comparable").all()
    assert (results / "verdicts.md").read_text().splitlines()[0] in output


def test_a_new_class_is_fetched_and_what_depends_on_it_is_run_again(checked):
    clone, source, _ = checked
    assert clone.pending(*source) == {}
    new = clone.path.parent / "source" / "imagenet"
    write_class_folders(new, ["n00000099"], train=2, val=2)
    assert {"fetch_dataset", "prepare_dataset", "select_forget_set", "train"} <= set(clone.pending(*source))


def test_published_weights_that_are_not_those_named_are_refused_before_any_job(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"others")
    weights = {"source": str(tmp_path), "file": "model.safetensors", "sha256": "0" * 64}
    clone, source = miniature(
        tmp_path,
        "imagenet",
        "JPEG",
        [f"n{number:08d}" for number in range(9)],
        model={"masked_autoencoder": {"mask": {"centre_hole": {"side": 16}}, **MAE, "pretrained": weights}},
    )
    done = clone.snakemake("--cores", "2", *source)
    assert done.returncode != 0
    output = done.stdout + done.stderr
    assert f"configs/tiny.yaml: model.masked_autoencoder.pretrained.sha256 = {'0' * 64}, but {tmp_path}/" in output
    assert not (clone.path / "data").exists()


def test_the_places_experiment_runs_from_folders_to_verdicts(tmp_path):
    palette = {"channels": [8, 16], "layers": 1, "groups": 4, "sampling_steps": 2}
    clone, source = miniature(
        tmp_path,
        "places",
        "jpg",
        ["airfield", "alley", "bar", "field-wild", "lake-natural", "office", "pub-indoor", "ruin", "zen_garden"],
        model={"inpainting_diffusion": {"mask": {"centre_hole": {"side": 16}}, **palette}},
    )
    clone.run("--cores", "2", "all", "check", *source)
    manifest = json.loads((clone.path / "data" / "places" / "manifest.json").read_text())
    assert manifest["classes"][3] == "field-wild"
    assert (manifest["train_images"], manifest["heldout_images"]) == ([8] * 9, [4] * 9)
    verdicts = pd.read_csv(clone.path / "results" / "tiny" / "verdicts.csv")
    published = pd.read_csv(ROOT / "published" / "i2i.csv")
    assert len(verdicts) == (published["dataset"] == "places").sum()

"""Image-to-image unlearning on made-up miniatures of ImageNet and Places: from folders to tables and verdicts."""

import json

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from unlearning.data.dataset import Dataset
from unlearning.io.files import sha256_of_file

from ..clip import publish_clip
from ..clone import ROOT, Clone
from ..miniature import write_class_folders

GROUPS = ("forget", "retain", "heldout_forget", "heldout_retain")
I2I = {"algorithm": "i2i", "retain_images": "others", "forget_weight": 0.2, "forget_target": "full_noise"}
SMALL = {
    "device": "cpu",
    "seeds": [0],
    "forget_set": {"classes": {"start": 0, "count": 3}, "retain_classes": {"start": 3, "count": 3}},
    "proxies": {"others": {"classes": {"start": 6, "count": 3}}},
    "training": {"epochs": 2, "batch_size": 32, "learning_rate": 1e-3},
    "judge": {
        "networks": 1,
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
SYNSETS = [f"n{number:08d}" for number in range(9)]
SCENES = ["airfield", "alley", "bar", "field-wild", "lake-natural", "office", "pub-indoor", "ruin", "zen_garden"]
MAE = {"patch": 8, "width": 16, "layers": 1, "heads": 2, "decoder_width": 16, "decoder_layers": 1, "decoder_heads": 2}


def miniature(path, name, **changes):
    """A clone with a small copy of a data set's experiment, and a source with nine classes of both data sets."""
    clone = Clone.make(path / "clone")
    for dataset, side, suffix, classes in (("imagenet", 224, "JPEG", SYNSETS), ("places", 256, "jpg", SCENES)):
        write_class_folders(path / "source" / dataset, classes, train=8, val=4, suffix=suffix)
        plugin = f"scripts/unlearning/datasets/{dataset}.py"
        clone.replace(plugin, f'"image_shape": [3, {side}, {side}]', '"image_shape": [3, 32, 32]')
    clone.write_experiment(base=f"{name}-i2i", **SMALL | changes)
    return clone, ("--config", f"data_source={path / 'source'}")


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """ImageNet's experiment, with Places as one of its proxies, and embeddings of a CLIP in a folder."""
    published = publish_clip(tmp_path_factory.mktemp("clip"))
    clone, source = miniature(
        tmp_path_factory.mktemp("imagenet"),
        "imagenet",
        model={"masked_autoencoder": {"mask": {"centre_hole": {"side": 16}}, **MAE, "pretrained": None}},
        proxies={"others": {"classes": {"start": 6, "count": 3}}, "elsewhere": {"dataset": "places"}},
        methods={
            "finetune": {},
            "i2i_proxy": I2I,
            "i2i_elsewhere": I2I | {"retain_images": "elsewhere"},
            "lost": {"algorithm": "ascent", "learning_rate": 3e38},  # weights of 1e36 after one step of warm-up
        },
        evaluation__embedding={
            "source": str(published.parent),
            "file": published.name,
            "sha256": sha256_of_file(published),
            "config_sha256": sha256_of_file(published.parent / "config.json"),
        },
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
    assert list(table.index) == ["original", "retrain", "finetune", "i2i_proxy", "i2i_elsewhere", "lost"]
    assert table["Runs"]["lost"] == "1, 1 diverged (step 2)"
    table = table.drop(index="lost")
    for column in ("FID (judge features) held-out forget", "Cosine (CLIP embeddings) held-out forget"):
        assert (table[column] != "–").all(), column
    assert (results / "figures" / "completions.pdf").stat().st_size > 1000
    assert "n00000000, n00000001, n00000002" in (results / "table.md").read_text()
    published = pd.read_csv(ROOT / "published" / "i2i.csv")
    verdicts = pd.read_csv(results / "verdicts.csv")
    assert len(verdicts) == (published["dataset"] == "imagenet").sum()
    assert verdicts["Reason"].str.contains("published value not available").all()
    assert verdicts["Verdict"].eq("not comparable").all()
    assert (results / "verdicts.md").read_text().splitlines()[0] in output


def test_every_method_completes_the_same_images_under_the_same_masks(checked):
    results = checked[0].path / "results" / "tiny"
    runs = [np.load(path) for path in sorted(results.glob("seed*/*/samples.npz")) if path.parent.name != "lost"]
    assert len(runs) == 5
    for group in GROUPS:
        first = runs[0][f"{group}.images"], runs[0][f"{group}.hidden"]
        assert all(len(part) for part in first)
        for run in runs:
            images, hidden, completed = (run[f"{group}.{name}"] for name in ("images", "hidden", "completed"))
            np.testing.assert_array_equal(images, first[0])
            np.testing.assert_array_equal(hidden, first[1])
            shown = np.broadcast_to(~hidden, images.shape)
            np.testing.assert_array_equal(completed[shown], images[shown])


def test_only_the_encoder_moves_where_only_the_encoder_may(checked):
    results = checked[0].path / "results" / "tiny"
    before, after = (load_file(results / "seed0" / name / "model.safetensors") for name in ("original", "i2i_proxy"))
    moved = {name for name, value in after.items() if not np.array_equal(value, before[name])}
    assert moved
    assert all(name.startswith("network.vit.") for name in moved)
    records = {
        name: json.loads((results / "seed0" / name / "record.json").read_text()) for name in ("finetune", "i2i_proxy")
    }
    assert records["i2i_proxy"]["decoder_drift"] == 0 < records["i2i_proxy"]["encoder_drift"]
    assert records["finetune"]["decoder_drift"] > 0


def test_another_data_set_can_stand_for_the_retain_set(checked):
    results = checked[0].path / "results" / "tiny"
    record = json.loads((results / "seed0" / "i2i_elsewhere" / "record.json").read_text())
    proxy = results.parents[1] / "data" / "places" / "prepared.safetensors"
    assert record["inputs_sha256"]["proxy"] == sha256_of_file(proxy)


def test_the_retrained_model_saw_all_but_the_forget_set(checked):
    results = checked[0].path / "results" / "tiny"
    chosen = json.loads((results / "forget_set.json").read_text())
    assert chosen["others"]
    assert not set(chosen["others"]) & set(chosen["retain"] + chosen["forget"])


def test_a_new_class_is_fetched_and_what_depends_on_it_is_run_again(checked):
    clone, source, _ = checked
    assert clone.pending(*source) == {}
    (clone.path.parent / "source").rename(clone.path.parent / "unmounted")
    assert clone.pending(*source) == {}, "what is fetched needs no source"
    (clone.path.parent / "unmounted").rename(clone.path.parent / "source")
    new = clone.path.parent / "source" / "imagenet"
    write_class_folders(new, ["n00000099"], train=2, val=2)
    assert {"fetch_dataset", "prepare_dataset", "select_forget_set", "train"} <= set(clone.pending(*source))


def test_published_weights_that_are_not_those_named_are_refused_before_any_job(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"others")
    weights = {"source": str(tmp_path), "file": "model.safetensors", "sha256": "0" * 64}
    clone, source = miniature(
        tmp_path,
        "imagenet",
        model={"masked_autoencoder": {"mask": {"centre_hole": {"side": 16}}, **MAE, "pretrained": weights}},
    )
    done = clone.snakemake("--cores", "2", *source)
    assert done.returncode != 0
    output = done.stdout + done.stderr
    assert f"configs/tiny.yaml: model.masked_autoencoder.pretrained.sha256 = {'0' * 64}, but {tmp_path}/" in output
    assert clone.made() == []


def test_the_places_experiment_runs_from_folders_to_verdicts(tmp_path):
    """With random masks, for others are the same for every image, whatever draws them."""
    palette = {"channels": [8, 16], "layers": 1, "groups": 4, "sampling_steps": 2, "gradient_checkpointing": True}
    clone, source = miniature(
        tmp_path,
        "places",
        model={"inpainting_diffusion": {"mask": {"random": {"ratio": 0.5, "patch": 8}}, **palette}},
    )
    clone.run("--cores", "2", "all", "check", *source)
    manifest = json.loads((clone.path / "data" / "places" / "manifest.json").read_text())
    assert manifest["classes"][3] == "field-wild"
    assert (manifest["train_images"], manifest["heldout_images"]) == ([8] * 9, [4] * 9)
    verdicts = pd.read_csv(clone.path / "results" / "tiny" / "verdicts.csv")
    published = pd.read_csv(ROOT / "published" / "i2i.csv")
    assert len(verdicts) == (published["dataset"] == "places").sum()
    results = clone.path / "results" / "tiny"
    runs = {name: np.load(results / "seed0" / name / "samples.npz") for name in ("original", "retrain", "i2i_proxy")}
    compared_with = load_file(results / "reference.safetensors")
    for group in GROUPS:
        hidden = runs["retrain"][f"{group}.hidden"]
        assert len(np.unique(hidden, axis=0)) > len(hidden) / 2
        np.testing.assert_array_equal(hidden.mean((1, 2, 3)), 0.5)
        for run in runs.values():
            np.testing.assert_array_equal(run[f"{group}.hidden"], hidden)
        np.testing.assert_array_equal(compared_with[f"0.{group}"], runs["retrain"][f"{group}.completed"])

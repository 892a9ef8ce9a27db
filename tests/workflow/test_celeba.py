"""The CelebA experiment on a made-up miniature: from JPEG files to tables and verdicts."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from sklearn.metrics import roc_auc_score

from unlearning.data.dataset import Dataset
from unlearning.datasets.celeba import DATASET
from unlearning.evaluation.likelihood import group_losses
from unlearning.networks import generative, running_statistics
from unlearning.networks.running_statistics import estimated_from, retain_batches

from ..clone import FEW_BATCHES, ROOT, Clone
from ..miniature import write_celeba

METRICS = [*yaml.safe_load((ROOT / "configs" / "celeba.yaml").read_text())["evaluation"]["metrics"], "elbo_rank"]
SWAPPED = {
    "algorithm": "uno_histogram",
    "orthogonality_weight": 0,
    "histogram_weight": 1e3,
}


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    clone = Clone.make(tmp_path_factory.mktemp("celeba") / "clone")
    source = clone.path.parent / "source"
    described = write_celeba(source / "celeba", train=200, heldout=80)
    plugin = "scripts/unlearning/datasets/celeba.py"
    for name, checksum in described["files"].items():
        clone.replace(plugin, DATASET["files"][name], checksum)
    for key in ("train_images", "heldout_images"):
        clone.replace(plugin, f'"{key}": {DATASET[key]}', f'"{key}": {described[key]}')
    clone.estimate_statistics_of_few_images()
    small = {"convolutions": [8, 16], "hidden_units": [16], "batch_size": 32, "learning_rate": 3e-3}
    wanted = "results/glasses/forget_set.json", "results/glasses/judge/accuracy.json"
    data_source = "--config", f"data_source={source}"
    changes = {
        "seeds": [0],
        "device": "cpu",
        "model__conv_vae": {"channels": [8, 16, 16], "latent_dimensions": 8, "pixel_deviation": 0.5},
        "training": {"epochs": 15, "batch_size": 32, "learning_rate": 3e-3, "precision": "tf32"},
        "judge": small | {"networks": 1, "epochs": 15, "seed": 0},
        "guide": small | {"epochs": 15, "seed": 1},
        "unlearning__batch_size": 16,
        "unlearning__steps": 5,
        "unlearning__samples": 50,
        "unlearning__measure": [{"until": 5, "every": 5}],
        "evaluation__samples": 100,
        "evaluation__metrics": METRICS,
        "evaluation__features": "judge",  # Inception's weights are not at hand
        "methods": {"uno_as_run": SWAPPED, "feature_unlearning": {"forget_weight": 3}},
        "figures": ["samples", "class_histograms", "published"],
    }
    clone.write_experiment("glasses", base="celeba-eyeglasses", **changes | {"figures": ["samples"]})
    clone.run("--cores", "2", *wanted, *data_source)
    clone.write_experiment(base="celeba", **changes)
    output = clone.run("--cores", "2", "all", "check", *data_source)
    return clone, output


def test_pictures_are_prepared_once_and_nothing_is_left_to_do(checked):
    clone, _ = checked
    folder = clone.path / "data" / "celeba"
    data = Dataset.load(folder / "prepared.safetensors")
    assert data.images.shape == (280, 3, 64, 64)
    assert data.attribute_names == DATASET["attributes"]
    assert not (folder / "chunks").exists()
    assert json.loads((folder / "manifest.json").read_text())["unreadable"] == 0
    assert "2 workers" in (folder / "logs" / "prepare_dataset.log").read_text()
    assert clone.pending() == {}


def test_classifiers_and_metrics_tell_the_attribute_apart(checked):
    results = checked[0].path / "results" / "tiny"
    for name in ("judge", "guide"):
        assert json.loads((results / name / "accuracy.json").read_text())["heldout_accuracy"] > 0.85
    data = Dataset.load(checked[0].path / "data" / "celeba" / "prepared.safetensors").labelled("Male")
    forgotten = json.loads((results / "forget_set.json").read_text())
    assert data.labels[forgotten["forget"]].all()
    assert not data.labels[forgotten["retain"]].any()
    metrics = pd.read_csv(results / "metrics.csv")
    shares = metrics[metrics["metric"].str.startswith("class_share_")]
    assert set(shares["metric"]) == {"class_share_not Male", "class_share_Male"}
    fraction = metrics[metrics["metric"] == "forget_fraction"].set_index(["method", "seed"])["value"]
    male = shares[shares["metric"] == "class_share_Male"].set_index(["method", "seed"])["value"]
    pd.testing.assert_series_equal(fraction, male, check_names=False)
    assert fraction["retrain"].mean() < fraction["original"].mean()


def test_eyeglasses_are_another_attribute_of_the_same_pictures(checked):
    clone, _ = checked
    data = Dataset.load(clone.path / "data" / "celeba" / "prepared.safetensors").labelled("Eyeglasses")
    results = clone.path / "results" / "glasses"
    forgotten = json.loads((results / "forget_set.json").read_text())
    assert forgotten["forget"] == np.flatnonzero(data.labels & data.train).tolist()
    confusion = np.array(json.loads((results / "judge" / "accuracy.json").read_text())["confusion_true_by_predicted"])
    assert confusion.sum(axis=1).tolist() == [len(forgotten[f"heldout_{part}"]) for part in ("retain", "forget")]
    assert confusion[1, 1] / confusion[1].sum() > 0.85


def test_forgotten_images_are_ranked_among_held_out_ones_with_the_attribute(checked, monkeypatch):
    monkeypatch.setattr(running_statistics, "BATCHES", FEW_BATCHES)
    results = checked[0].path / "results" / "tiny"
    images = torch.from_numpy(Dataset.load(checked[0].path / "data" / "celeba" / "prepared.safetensors").images)
    groups = json.loads((results / "forget_set.json").read_text())
    compared = {name: groups[name] for name in ("forget", "heldout_forget")}
    network, *_ = generative.load(results / "seed0" / "original" / "model.safetensors")
    with estimated_from(network.eval(), retain_batches(network, images, groups["retain"], "retain")):
        losses = {name: group_losses(network, images[indices], name, 2, "elbo") for name, indices in compared.items()}
    truth = np.repeat([0, 1], [len(losses["forget"]), len(losses["heldout_forget"])])
    table = pd.read_csv(results / "metrics.csv").set_index(["metric", "method"])["value"]
    rank = table["elbo_rank", "original"]
    assert rank == pytest.approx(roc_auc_score(truth, np.concatenate([*losses.values()])), abs=1e-3)


def test_every_published_cell_of_celeba_has_a_verdict(checked):
    clone, output = checked
    results = clone.path / "results" / "tiny"
    published = pd.read_csv(ROOT / "published" / "uno.csv")
    verdicts = pd.read_csv(results / "verdicts.csv")
    assert len(verdicts) == (published["dataset"] == "celeba").sum()
    distances = verdicts[verdicts["Quantity"] == "FID"]
    assert set(distances["Verdict"]) == {"not comparable"}
    assert distances["Reason"].str.startswith("another distance").all()
    assert "148×148 are cut out" in (results / "verdicts.md").read_text()
    for line in (results / "verdicts.md").read_text().splitlines():
        assert line in output
    table = (results / "table.md").read_text()
    assert "class Male to forget" in table
    for part in ("uno_as_run", "Feature unlearning", "It recognises"):
        assert part in table
    assert "may not be redistributed" in json.loads((results / "manifest.json").read_text())["data"]["licence"]

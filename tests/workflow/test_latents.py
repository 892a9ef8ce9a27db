"""The experiment on latents in miniature: from folders, an autoencoder and a DiT checkpoint to verdicts."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from unlearning.data.dataset import Dataset
from unlearning.io.files import sha256_of_file

from ..clone import ROOT, Clone
from ..latents import publish_autoencoder, publish_dit
from ..miniature import write_class_folders

SYNSETS = ["n01440764", "n02099601", "n02099712", "n02099849"]  # the second is to be forgotten, the third retained
SIZES = {"classes": len(SYNSETS), "width": 8, "depth": 1}


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """A clone with the experiment made small, and the source with all that it needs."""
    folder = tmp_path_factory.mktemp("latents")
    clone, source = Clone.make(folder / "clone"), folder / "source"
    write_class_folders(source / "imagenet", SYNSETS, train=8, val=4)
    clone.replace("scripts/unlearning/datasets/imagenet_256.py", "[3, 256, 256]", "[3, 32, 32]")
    clone.replace("scripts/unlearning/networks/probes.py", "CANDIDATES = 2000", "CANDIDATES = 20")
    checkpoint = source / "dit" / "DiT-XL-2-256x256.pt"
    publish_dit(checkpoint, **SIZES)
    architecture = {"heads": 2, "sampling_steps": 2, "precision": "float32"} | SIZES
    clone.write_experiment(
        base="imagenet-dit",
        seeds=[0],
        device="cpu",
        **{f"model__latent_dit__{key}": value for key, value in architecture.items()},
        model__latent_dit__autoencoder=publish_autoencoder(folder / "autoencoder"),
        original__weights__sha256=sha256_of_file(checkpoint),
        judge__networks=1,
        judge__convolutions=[4],
        judge__hidden_units=[4],
        judge__epochs=2,
        unlearning__steps=4,
        unlearning__batch_size=4,
        unlearning__samples=8,
        unlearning__measure=[{"until": 4, "every": 2}],
        methods={
            "finetune": {"retain_images": "labrador"},
            "remap": {"to": "null_label"},
            "uno_relabel": {"orthogonality_weight": 0.02, "exchange_weight": 1, "retain_images": "labrador"},
        },
        evaluation={"samples": 12, "threshold": 0.18, "metrics": ["label_crossing", "forget_fraction", "fid", "cost"]},
        figures=["asked"],
    )
    return clone, ("--config", f"data_source={source}"), source


def test_a_checkpoint_of_another_depth_stops_the_run_before_the_first_job(ready):
    clone, arguments, _ = ready
    file = clone.path / "configs" / "tiny.yaml"
    right = file.read_text()
    file.write_text(right.replace("depth: 1", "depth: 2"))
    done = clone.snakemake("--cores", "2", *arguments)
    file.write_text(right)
    assert done.returncode != 0
    assert "'blocks.1.adaLN_modulation.1.bias' of the model, shape 48: not in the file" in done.stdout + done.stderr
    assert not [path for path in clone.made() if path.name != "DiT-XL-2-256x256.pt"]


def test_the_experiment_runs_from_folders_and_published_files_to_verdicts(ready):
    clone, arguments, source = ready
    output = clone.run("--cores", "2", "all", "export", "check", *arguments)
    results, data = clone.path / "results" / "tiny", clone.path / "data" / "imagenet_256"
    pictures, latents = Dataset.load(data / "prepared.safetensors"), Dataset.load(results / "latents.safetensors")
    assert pictures.images.shape == (48, 3, 32, 32)
    assert (latents.images.shape, latents.images.dtype) == ((48, 4, 4, 4), np.float32)
    np.testing.assert_array_equal(latents.labels, pictures.labels)
    np.testing.assert_array_equal(latents.train, pictures.train)
    record = json.loads((results / "seed0" / "uno_relabel" / "record.json").read_text())
    assert record["inputs_sha256"]["dataset"] == sha256_of_file(results / "latents.safetensors")
    stored = np.load(results / "seed0" / "uno_relabel" / "samples.npz")
    assert stored["images"].shape == (12, 3, 32, 32)
    table = pd.read_csv(results / "table.csv", index_col="Method")
    assert list(table.index) == ["original", "finetune", "remap", "uno_relabel"]
    assert table["Runs"].eq(1).all()
    verdicts = pd.read_csv(results / "verdicts.csv")
    published = pd.read_csv(ROOT / "published" / "uno.csv")
    assert len(verdicts) == (published["dataset"] == "imagenet_256").sum()
    assert (verdicts["row"] == "uno_relabel").any()
    assert "imagenet-dit" in output
    assert "not run: needs ImageNet-1K" in output
    state = torch.load(source / "dit" / "DiT-XL-2-256x256.pt", weights_only=True)
    unlearned = torch.load(results / "export" / "seed0" / "remap.pt", weights_only=True)
    assert unlearned.keys() == state.keys()
    table_of_labels = "y_embedder.embedding_table.weight"
    expected = state[table_of_labels].clone()
    expected[1] = expected[-1]  # the label of the golden retriever gets the embedding of the null label
    assert torch.equal(unlearned[table_of_labels], expected)
    assert clone.pending("all", *arguments) == {}

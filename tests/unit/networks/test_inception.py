"""Inception: pytorch-fid's own features, from a file with the published checksum or not at all."""

import hashlib

import numpy as np
import pytest
import torch
from pytorch_fid import inception as pytorch_fid

import build_reference
import evaluate
import fetch_weights
from unlearning.data.dataset import Dataset
from unlearning.data.forget_set import ForgetSet
from unlearning.evaluation.description import describe_metrics
from unlearning.io import inception_weights
from unlearning.io.downloads import SOURCE_VARIABLE
from unlearning.io.files import read_json, write_json
from unlearning.io.tensors import read_tensors
from unlearning.networks import generative
from unlearning.networks.classifier import Classifier, Ensemble
from unlearning.networks.inception import Inception


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A folder with random weights, in the format and under the name of the published ones."""
    folder = tmp_path_factory.mktemp("source") / "inception"
    folder.mkdir()
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        # The network that pytorch-fid builds, before it loads the published weights.
        patch.setattr(pytorch_fid, "load_state_dict_from_url", lambda *_, **__: None)
        patch.setattr(torch.nn.Module, "load_state_dict", lambda *_: None)
        state = pytorch_fid.fid_inception_v3().state_dict()
    torch.save(state, folder / inception_weights.FILE, _use_new_zipfile_serialization=False)
    return folder.parent


@pytest.fixture
def published(source, monkeypatch):
    """As if these weights were the published ones."""
    checksum = hashlib.sha256((source / "inception" / inception_weights.FILE).read_bytes()).hexdigest()
    monkeypatch.setitem(inception_weights.INCEPTION["files"], inception_weights.FILE, f"sha256:{checksum}")


@pytest.fixture
def folder(source, published, tmp_path):
    """The folder that the weights are fetched to."""
    inception_weights.fetch(tmp_path / "checkpoints", str(source))
    return tmp_path / "checkpoints"


@pytest.fixture
def inception(folder):
    return Inception(folder, torch.device("cpu"))


def pictures(channels, count=3):
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (count, channels, 16, 16), dtype=np.uint8))


@pytest.mark.parametrize("channels", [1, 3])
def test_features_are_pytorch_fids(inception, folder, monkeypatch, channels):
    monkeypatch.setattr("unlearning.networks.inception.BATCH", 2)
    monkeypatch.setattr(torch.hub, "_hub_dir", str(folder.parent))
    theirs = pytorch_fid.InceptionV3().eval()
    colours = pictures(channels).expand(-1, 3, -1, -1)
    expected = theirs(colours.float() / 255)[0].flatten(1)
    features = inception.features(pictures(channels))
    assert features.shape == (3, inception_weights.FEATURES)
    torch.testing.assert_close(features.float(), expected, rtol=2e-3, atol=1e-4)  # half precision


def test_scores_are_those_of_the_whole_network_without_its_bias(inception, folder):
    state = torch.load(folder / inception_weights.FILE, weights_only=True)
    features = inception.features(pictures(3))
    whole = torch.nn.functional.linear(features.float(), state["fc.weight"], state["fc.bias"]) - state["fc.bias"]
    torch.testing.assert_close(inception.output(features), whole, rtol=1e-4, atol=1e-4)


def test_features_are_computed_once_for_the_same_images(inception, tmp_path, monkeypatch):
    cache = tmp_path / "features.safetensors"
    first = inception.cached_features(pictures(1), cache)
    batches = []
    monkeypatch.setattr(inception, "features", lambda images: batches.append(len(images)) or first)
    assert torch.equal(inception.cached_features(pictures(1), cache), first)
    assert batches == []
    inception.cached_features(255 - pictures(1), cache)
    assert batches == [3], "other images have other features"


@pytest.mark.parametrize("how", ["altered", "truncated", "missing"])
def test_weights_that_are_not_the_published_ones_are_not_fetched(source, published, tmp_path, how):
    bad = tmp_path / "bad" / "inception"
    bad.mkdir(parents=True)
    content = (source / "inception" / inception_weights.FILE).read_bytes()
    if how != "missing":
        (bad / inception_weights.FILE).write_bytes(content[:-9] if how == "truncated" else content[:-1] + b"x")
    with pytest.raises(ValueError, match=r"inception: pt_inception-2015-12-05-6726825d\.pth could not be had") as error:
        inception_weights.fetch(tmp_path / "checkpoints", str(bad.parent))
    for part in (
        f"  {bad / inception_weights.FILE}: ",
        "Put a whole copy there",
        "github.com/mseitzer/pytorch-fid",
        "set 'features: judge'",
    ):
        assert part in str(error.value)
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_weights_that_change_after_fetching_are_refused(folder):
    file = folder / inception_weights.FILE
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(ValueError, match="truncated or altered; delete it and run again"):
        Inception(folder, torch.device("cpu"))


def test_the_checksum_is_the_one_in_the_published_files_name(source, tmp_path):
    algorithm, _, checksum = inception_weights.INCEPTION["files"][inception_weights.FILE].partition(":")
    assert algorithm == "sha256"
    assert len(checksum) == 64
    assert inception_weights.FILE.endswith(f"-{checksum[:8]}.pth")
    assert pytorch_fid.FID_WEIGHTS_URL.endswith(f"/{inception_weights.FILE}")
    with pytest.raises(ValueError, match="should be 6726825d"):
        inception_weights.fetch(tmp_path / "checkpoints", str(source))


@pytest.fixture
def runs(source, published, monkeypatch, tmp_path):
    """What a run on twelve pictures needs, in files: two retrained models, which stand for all others as well."""
    monkeypatch.setenv(SOURCE_VARIABLE, str(source))
    fetch_weights.main(fetched=tmp_path / "weights.json")
    labels = np.arange(12) % 2
    Dataset(pictures(1, 12).numpy(), labels, np.empty((12, 0), np.uint8), np.arange(12) < 9, ["even", "odd"], []).save(
        tmp_path / "prepared.safetensors"
    )
    ForgetSet([0], [*range(1, 9)], [], [9, 10, 11], [], []).save(tmp_path / "forget_set.json", {"indices": [0]})
    torch.manual_seed(0)
    Ensemble([Classifier([1, 16, 16], 2, [4])]).save(tmp_path / "judge.safetensors", [1, 16, 16])
    record = {
        "experiment": "tiny",
        "method": "retrain",
        "seed": 0,
        "config_sha256": "0" * 64,
        "status": "finished",
        "seconds": 1.0,
        "peak_memory_mib": 1.0,
    }
    empty = dict.fromkeys(("code", "device", "gpu", "gpu_uuid", "threads", "environment"))
    write_json(tmp_path / "record.json", record | empty)
    configuration = {"vae": {"hidden_units": 4, "latent_dimensions": 2}}
    for seed in (0, 1):
        model = generative.build(configuration, [1, 16, 16], seed)
        generative.save(model, configuration, [1, 16, 16], tmp_path / f"{seed}.safetensors")
    return {
        "device": "cpu",
        **{name: tmp_path / f"{name}.safetensors" for name in ("judge", "reference")},
        **{name: tmp_path / f"{name}.json" for name in ("forget_set", "weights")},
        "dataset": tmp_path / "prepared.safetensors",
        "guide": None,
    }


def test_a_run_is_judged_on_inceptions_features_and_by_the_judges_classes(runs, tmp_path, monkeypatch):
    common, elbo = runs, {"elbo_draws": 1, "elbo_noise_share": 1e-9, "elbo_most_draws": 3}
    judged = {"elbo": elbo, "label_samples": None, "running_statistics": "retain"}
    judged |= {"seeds_of_originals": [], "original": []}
    retrained = [tmp_path / f"{seed}.safetensors" for seed in (0, 1)]
    build_reference.main(seeds=[0, 1], samples=7, **judged, retrained=retrained, **common)
    arrays, header = read_tensors(common["reference"])
    assert header["draws"] == 3, "the most, because so little noise cannot be reached"
    assert 0 < header["noise_share"] < 1
    assert arrays["retain.features"].shape == (8, inception_weights.FEATURES)
    assert arrays["1.features"].shape == (7, inception_weights.FEATURES)
    assert arrays["1.losses.heldout_retain"].shape == (3,)
    guided = common | {"guide": common["judge"], "reference": tmp_path / "guided.safetensors"}
    build_reference.main(seeds=[0, 1], samples=7, **judged, retrained=retrained, **guided)
    more, _ = read_tensors(guided["reference"])
    extracted, features = [], Inception.features
    monkeypatch.setattr(Inception, "features", lambda self, images: extracted.append(images) or features(self, images))
    torch.manual_seed(1)
    Ensemble([Classifier([1, 16, 16], 2, [4])]).save(tmp_path / "other.safetensors", [1, 16, 16])
    for changed in (guided, guided | {"judge": tmp_path / "other.safetensors"}):
        build_reference.main(seeds=[0, 1], samples=7, **judged, retrained=retrained, **changed)
        assert extracted == [], "the same images, whatever the judge"
    build_reference.main(seeds=[0, 1, 2], samples=7, **judged, retrained=[*retrained, retrained[0]], **guided)
    assert [len(images) for images in extracted] == [7], "the samples of the new seed"
    np.testing.assert_allclose(more["retain.features"], arrays["retain.features"], rtol=2e-3, atol=1e-4)
    assert more["published.mean"].shape == (inception_weights.FEATURES,)

    metrics = ["kid", "precision_recall", "inception_score", "elbo_rank", "membership", "nearest_sample", "originality"]
    run = {
        **common,
        "code": "",
        "settings": {"samples": 7, "threshold": 0.02, "metrics": metrics, "features": "inception"} | elbo,
        "other_seed": 1,
        "attribute": None,
        "model": retrained[0],
        "record": tmp_path / "record.json",
        "steps": None,
        "measurements": None,
        "transformation": None,
        "metrics": tmp_path / "metrics.json",
        "samples": tmp_path / "samples.npz",
    }
    evaluate.main(**run)
    values = {name: value["value"] for name, value in read_json(tmp_path / "metrics.json")["metrics"].items()}
    assert set(values) == {key for name in metrics for key in describe_metrics(name)}
    assert [name for name, value in values.items() if value is None] == ["membership_score"], "one reference model"
    assert values["membership_draws"] == 3
    assert values["membership_noise_share"] == pytest.approx(100 * header["noise_share"])
    assert values["kid_retain"] > values["kid_retrain"], "random pictures, and two untrained models"
    assert 1 <= values["inception_score"] <= 1008
    assert (tmp_path / "inception.safetensors").is_file()
    stored = np.load(tmp_path / "samples.npz")
    assert len(stored["classes"]) == 7
    assert stored["originality.features.forget"].shape == (4, 1, 16, 16)

    build_reference.main(seeds=[0, 1], samples=7, **judged, retrained=retrained, **guided)
    extracted.clear()
    for _ in range(2):
        evaluate.main(**run | guided)
        assert [len(images) for images in extracted] == [7], "once, of a reference's samples in train mode"

"""What must fit between a model, its labels, its parts and the rest: each problem names key, value and cure."""

import copy
import shutil

import pytest
import yaml

from unlearning.config.load import ROOT, ConfigError, load_experiment, read_yaml
from unlearning.config.model_parts import has_labels, lacking

from ...clone import set_key

DIGITS = read_yaml("configs/digits.yaml")
DIT = {
    "classes": 10,
    "patch": 2,
    "width": 8,
    "depth": 2,
    "heads": 2,
    "objective": "flow",
    "learned_variance": False,
    "label_dropout": 0.1,
    "guidance": 1.5,
    "sampler": "euler",
    "sampling_steps": 5,
}
LABELLED = DIGITS | {
    "model": {"dit": DIT},
    "methods": {"finetune": {}, "uno": {"orthogonality_weight": 1000.0, "trainable": {"part": "attention"}}},
    "evaluation": DIGITS["evaluation"]
    | {"metrics": ["forget_fraction", "negative_elbo", "labels", "label_quality", "label_distance"]}
    | {"label_samples": 100},
    "figures": ["label_grid", "label_matrices", "asked", "asked_in_seconds"],
}
del LABELLED["evaluation"]["margin"], LABELLED["evaluation"]["threshold"]
WITHOUT_LABELS = [metric for metric in LABELLED["evaluation"]["metrics"] if not metric.startswith("label")]
VARIANCES = {"objective": "ddpm_cosine", "sampler": "heun"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A copy of what a configuration is read from."""
    folder = tmp_path_factory.mktemp("parts")
    for name in ("configs", "schemas", "published"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "config.yaml", folder)
    return folder


def write(root, base, changes):
    experiment = copy.deepcopy(base)
    for path, value in changes.items():
        set_key(experiment, path.split("."), value)
    (root / "configs" / "parts.yaml").write_text(yaml.safe_dump(experiment, sort_keys=False))


def test_an_experiment_whose_parts_fit_is_right(root):
    write(root, LABELLED, {})
    assert load_experiment("parts", root)["evaluation"]["label_samples"] == 100
    write(root, LABELLED, {"model.dit.label_dropout": 0, "model.dit.guidance": 1})
    load_experiment("parts", root)
    write(root, LABELLED, {"model.dit.objective": "ddpm_cosine", "model.dit.sampler": "dpm_solver"})
    load_experiment("parts", root)
    write(root, LABELLED, {"methods.uno.trainable": {"part": "modulation", "last_blocks": 2}})
    load_experiment("parts", root)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model.dit.classes": 9}, ["model.dit.classes = 9", "'digits' has 10 classes", "set 10"]),
        ({"model.dit.classes": 1}, ["model.dit.classes = 1", "at least 2"]),
        ({"forget_set": {"classes": ["zero"]}}, ["forget_set.classes", "'zero'"]),
        (
            {"forget_set": {"attribute": "thick"}},
            ["forget_set.attribute: the labels of dit are classes; name 'classes'"],
        ),
        (
            {"proxies": {"other": {"dataset": "mnist"}}, "methods.finetune": {"retain_images": "other"}},
            ["proxies.other.dataset: its classes have no labels in dit; name classes of the same data set"],
        ),
        ({"evaluation.label_samples": ...}, ["evaluation.label_samples: missing; 'labels' needs it"]),
        ({"evaluation.label_samples": 5}, ["evaluation.label_samples = 5: 'label_quality' needs at least 6"]),
        ({"evaluation.label_samples": 1}, ["evaluation.label_samples = 1", "at least 2"]),
        (
            {"evaluation.metrics": WITHOUT_LABELS, "figures": ["asked"]},
            ["evaluation.label_samples: no metric looks at single labels; leave this out", "add 'labels' to 'metrics'"],
        ),
        (
            {"evaluation.metrics": [*WITHOUT_LABELS, "label_quality"]},
            ["evaluation.metrics", "must contain labels, or remove 'label_grid' from 'figures'"],
        ),
        (
            {"unlearning.trainable": {"part": "atention"}},
            ["unlearning.trainable.part = 'atention'", "labels, attention, modulation", "did you mean 'attention'"],
        ),
        (
            {"methods.uno.trainable": {"part": "decoder"}},
            ["methods.uno.trainable.part = 'decoder': no part of dit; its parts are labels, attention, modulation"],
        ),
        (
            {"methods.uno.trainable": {"part": "attention", "last_blocks": 3}},
            ["methods.uno.trainable.last_blocks = 3: dit has 2 blocks; lower it"],
        ),
        (
            {"methods.feature_unlearning": {"forget_weight": 1}},
            ["methods.feature_unlearning: needs a model with an encoder, such as vae, and dit is none; remove the row"],
        ),
        (
            {"model.dit.label_dropout": 0},
            [
                "model.dit.guidance = 1.5: compares with the null label",
                "set label_dropout, such as 0.1, or guidance = 1",
            ],
        ),
        (
            {"model.dit.sampler": "ddim"},
            ["model.dit.sampler = 'ddim': does not fit objective = 'flow'; choose 'euler' or 'heun'"],
        ),
        (
            {f"model.dit.{key}": value for key, value in VARIANCES.items()},
            ["model.dit.sampler = 'heun': does not fit objective = 'ddpm_cosine'; choose 'ddim' or 'dpm_solver'"],
        ),
        (
            {"model.dit.label_dropout": 0, "model.dit.guidance": 1, "methods.remap": {"to": "null_label"}},
            ["methods.remap: uses the null label, which model.dit.label_dropout = 0 never trains; set label_dropout"],
        ),
        (
            {"model.dit.label_dropout": 0, "model.dit.guidance": 1, "methods.esd": {"erasing_strength": 1}},
            ["methods.esd: uses the null label", "remove the row"],
        ),
        (
            {
                "model.dit.label_dropout": 0,
                "model.dit.guidance": 1,
                "evaluation.metrics": [*LABELLED["evaluation"]["metrics"], "flow_likelihood"],
            },
            ["evaluation.metrics: 'flow_likelihood' uses the null label", "set label_dropout", "remove the metric"],
        ),
        (
            {"training.accumulation": 500},
            ["training.accumulation = 500: more parts than training.batch_size = 128 has images; lower it"],
        ),
        (
            {"training.processes": 200},
            ["training.processes = 200: more than the 128 images", "(training.batch_size = 128); lower it"],
        ),
        (
            {"training.processes": 65, "training.accumulation": 2},
            ["65: more than the 64 images", "(training.batch_size = 128 in training.accumulation = 2 parts); lower it"],
        ),
        ({"methods.remap": {"to": 10}}, ["methods.remap.to = 10: the labels are 0 to 9; name a label to retain"]),
        ({"methods.remap": {"to": 0}}, ["methods.remap.to = 0: is to be forgotten; name a label to retain"]),
        ({"methods.remap": {"to": "zero"}}, ["methods.remap.to = 'zero'"]),
        (
            {"methods.remap": {"to": 3}, "forget_set": {"classes": [0], "fraction": 0.5, "seed": 0}},
            [
                "methods.remap: changes whole labels, but 'forget_set' names no class",
                "without 'fraction' and 'samples'",
            ],
        ),
        ({"model.dit.patch": 3}, ["model.dit.patch = 3: images of 8×8 pixels", "choose a divisor of the side"]),
        ({"model.dit.heads": 3}, ["model.dit.heads = 3: does not divide width = 8; choose a divisor"]),
        ({"model.dit.sampling_steps": 0}, ["model.dit.sampling_steps = 0", "at least 1"]),
        ({"model.dit.sampler": "eulr"}, ["model.dit.sampler = 'eulr'", "did you mean 'euler'"]),
    ],
)
def test_what_does_not_fit_a_model_with_labels_is_named_with_its_cure(root, changes, said):
    assert_refused(root, LABELLED, changes, said)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"evaluation.label_samples": 100}, ["evaluation.label_samples: vae has no labels; leave this out"]),
        (
            {"evaluation.metrics": [*DIGITS["evaluation"]["metrics"], "labels"]},
            ["evaluation.metrics: 'labels' looks at each label, and vae has no labels; remove it"],
        ),
        (
            {"figures": ["label_grid"]},
            ["figures: 'label_grid' needs a model with labels, such as dit, and vae is none; remove it"],
        ),
        (
            {"evaluation.metrics": [*DIGITS["evaluation"]["metrics"], "flow_likelihood"]},
            ["evaluation.metrics: 'flow_likelihood' needs a model with labels, such as dit, and vae is none"],
        ),
        (
            {"unlearning.trainable": {"part": "decoder"}},
            ["unlearning.trainable.part = 'decoder': no part of vae; it names none (PARTS); leave this out"],
        ),
    ],
)
def test_what_does_not_fit_a_model_without_labels_is_named_with_its_cure(root, changes, said):
    message = assert_refused(root, DIGITS, changes, said)
    assert "must contain labels" not in message, "a metric that does not fit the model is no cure"


def assert_refused(root, base, changes, said):
    write(root, base, changes)
    with pytest.raises(ConfigError) as error:
        load_experiment("parts", root)
    for text in ("configs/parts.yaml", *said):
        assert text in str(error.value)
    return str(error.value)


def test_a_model_has_labels_if_its_file_defines_their_embeddings():
    assert [model for model in ("dit", "latent_dit", "conditional_vae", "vae") if has_labels(model)] == [
        "dit",
        "latent_dit",
        "conditional_vae",
    ]
    assert lacking("dit", ("label_embeddings", "predictions")) == ""
    assert lacking("conditional_vae", ("label_embeddings", "predictions")) == "a model that removes noise, such as dit"
    assert lacking("vae", ("made_up",)) == "a model with made_up"

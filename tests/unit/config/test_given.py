"""Weights in place of training: which keys of an experiment are right, and which files fit its networks."""

import copy

import pytest
import torch
import yaml

from unlearning.config import given
from unlearning.config.job_code import codes_of_results
from unlearning.config.load import ConfigError, experiment_schema, load_experiment, read_yaml
from unlearning.config.messages import violations
from unlearning.config.resources import minutes
from unlearning.data.description import describe_dataset
from unlearning.networks import generative
from unlearning.networks.classifier import Classifier

from ...clone import set_key
from .test_load import root  # noqa: F401

DIGITS = read_yaml("configs/digits.yaml")
FILE = {"weights": {"file": "a.pth"}}
GUIDE = {"hidden_units": [20], **FILE}
SHA = "0" * 64
FIGURES = ["tradeoff", "forget_fraction", "samples"]


def experiment(**changes):
    """The experiment with keys set, or deleted where the value is ...; nested ones with a double underscore."""
    result = copy.deepcopy(DIGITS)
    for path, value in ({"figures": FIGURES} | changes).items():
        set_key(result, path.split("__"), value)
    return result


@pytest.fixture
def problems(root):  # noqa: F811
    """What is said of an experiment; '' if it is right."""

    def say(**changes):
        (root / "configs" / "bad.yaml").write_text(yaml.safe_dump(experiment(**changes), sort_keys=False))
        try:
            load_experiment("bad", root)
        except ConfigError as error:
            return str(error)
        return ""

    return say


@pytest.mark.parametrize(
    "changes",
    [
        {"original": FILE},
        {"original": FILE, "references": ["original"], "training": ...},
        {"references": ["original"]},
        {"original": FILE | {"moments": {"file": "b.pth"}}, "unlearning__optimizer": "adam_warm"},
        {"original": {"weights": {"file": "{seed}.pth", "sha256": [SHA] * 3}}},
        {"original": {"weights": {"url": "https://x.org/a.pth", "folder": "x", "sha256": SHA}}},
        {"guide": GUIDE},
        {"judge": {"networks": 5, "hidden_units": [20], "weights": {"file": "{network}.pth"}}},
        {"judge": {"networks": 1, "hidden_units": [20], **FILE}, "guide": GUIDE | {"weights": {"file": "b.pth"}}},
    ],
)
def test_what_is_right_passes(problems, changes):
    assert problems(**changes) == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"training": ...}, "training: missing"),
        ({"original": FILE, "training": ...}, "training: missing"),
        ({"references": ["original"], "training": ...}, "training: missing"),
        ({"original": FILE, "references": ["original"]}, "training: unused, because original.weights are given"),
        ({"original": {}}, "original.weights: missing"),
        ({"original": {"weights": {}}}, "must have one of 'file' and 'url', but has neither"),
        ({"original": {"weights": {"file": "a", "url": "https://x.org/a"}}}, "but has file and url"),
        ({"original": {"weights": {"url": "x.org/a"}}}, "original.weights.url = 'x.org/a': must match"),
        ({"original": {"weights": {"url": "https://x.org/a"}}}, "original.weights.sha256: missing; a file from a URL"),
        (
            {"original": {"weights": {"file": "a", "folder": "x"}}},
            "original.weights.folder = 'x': is for a 'url' alone",
        ),
        ({"original": {"weights": {"file": "{network}"}}}, "unknown placeholder {network}; allowed: {seed}"),
        ({"original": {"weights": {"file": "a", "sha256": [SHA]}}}, "has 1 checksum(s), but must be one, for the one"),
        ({"original": {"weights": {"file": "{seed}", "sha256": SHA}}}, "but must be a list of 3, one for each file"),
        ({"original": {"weights": {"file": "a", "sha256": "00"}}}, "original.weights.sha256 = '00': must match"),
        ({"original": {"weights": {"file": "a", "renam": {}}}}, "did you mean 'rename'"),
        ({"original": {"weights": {"file": "a", "rename": {"patterns": {"(": "b"}}}}}, "'(' to 'b': no regular expr"),
        ({"original": {"weights": {"file": "a", "rename": {"patterns": {"a": r"\1"}}}}}, "no regular expression"),
        ({"original": {"weights": {"file": "a", "classes": ["Linear"]}}}, "classes.0 = 'Linear': must match"),
        ({"original": FILE, "unlearning__optimizer": "adam_warm"}, "methods.finetune: has the optimiser 'adam_warm'"),
        ({"original": FILE | {"moments": {"file": "b"}}}, "original.moments: no row has the optimiser 'adam_warm'"),
        ({"original": FILE | {"moments": {"file": "{seed}"}}}, "write {seed} into both names, or into none"),
        (
            {"original": FILE | {"moments": {"fil": "b"}}},
            "original.moments.fil = 'b': unknown key; allowed: entry, fil",
        ),
        ({"original": FILE | {"moments": {"url": "https://x.org/a"}}}, "original.moments.folder: missing; a file from"),
        ({"guide": {"hidden_units": [20]}}, "guide.seed: missing"),
        ({"guide": {**GUIDE, "epochs": 3}}, "guide.epochs = 3: says how to train, but weights are given"),
        ({"judge": {"networks": 2, "hidden_units": [2], **FILE}}, "one file for 2 networks, which would all be the"),
        ({"judge": {"networks": 1, **GUIDE}, "guide": GUIDE}, "a.pth is a network of 'judge', too: a loss must not"),
        ({"references": ["original"], "methods": {"uno": DIGITS["methods"]["uno"]}}, "add a row of finetune"),
        ({"references": ["original"], "methods": {"finetune": {}}}, "and another one; add a row of finetune"),
        ({"references": ["retrain"]}, "references = ['retrain']: must contain original"),
        ({"references": ["original", "x"]}, "references.1 = 'x': must be one of original, retrain"),
        ({"references": ["original"], "figures": ["normalised"]}, "figures: 'normalised' needs retrained models"),
    ],
)
def test_what_is_wrong_is_named(problems, changes, said):
    assert said in problems(**changes)


def test_a_key_of_the_schema_is_described():
    schema = experiment_schema()
    assert violations(experiment(original=FILE), schema) == []
    assert minutes("train_classifier", experiment(guide=GUIDE), describe_dataset("digits")) > 0


@pytest.fixture
def contents(tmp_path, monkeypatch):
    """Check a state dict as the weights of a part of an experiment."""
    monkeypatch.chdir(tmp_path)

    def check(part, state, **changes):
        torch.save(state, "a.pth")
        given.check_contents("x", experiment(**changes), part, describe_dataset("digits"), tmp_path, None)

    return check


def test_an_original_of_another_architecture_is_refused(contents):
    layers = {"hidden_units": 128, "latent_dimensions": 8}
    contents("original", generative.build({"vae": layers}, [1, 8, 8], 0).state_dict(), original=FILE)
    other = generative.build({"vae": layers | {"hidden_units": 64}}, [1, 8, 8], 0).state_dict()
    with pytest.raises(ValueError, match=r"a.pth: configs/x.yaml: original.weights: 5 of the model's 20 tensors are"):
        contents("original", other, original=FILE)


def test_a_classifier_of_another_number_of_classes_is_refused(contents):
    contents("guide", Classifier([1, 8, 8], 10, [20]).state_dict(), guide=GUIDE)
    with pytest.raises(ValueError, match=r"guide.weights: .*\n  'output.weight': shape 9×20 in the file, 10×20 in the"):
        contents("guide", Classifier([1, 8, 8], 9, [20]).state_dict(), guide=GUIDE)


def test_local_files_are_looked_for_before_any_job(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"configs/x.yaml: original.weights.file = 'a.pth': no such file"):
        given.check_local_files({"x": experiment(original=FILE)})


def test_the_codes_of_results_are_those_of_the_jobs_that_run():
    both = experiment(original=FILE, references=["original"], guide=GUIDE)
    classifiers = {"train_classifier", "import_classifier"}
    assert {rule for rule in codes_of_results(both) if "/" not in rule} == {
        *("select_forget_set", "import_original", "build_reference_alone", "evaluate", *classifiers)
    }
    assert {"train", "import_original", "build_reference"} <= codes_of_results(experiment(original=FILE)).keys()
    warm = experiment(original=FILE | {"moments": {"file": "b.pth"}})
    assert codes_of_results(warm).keys() - codes_of_results(experiment(original=FILE)).keys() == {"import_moments"}
    assert not {"import_original", "import_classifier"} & codes_of_results(experiment()).keys()
    metrics = [*DIGITS["evaluation"]["metrics"], "flow_likelihood"]
    densities = codes_of_results(experiment(evaluation__metrics=metrics)).keys()
    assert densities ^ codes_of_results(experiment()).keys() == {"evaluate", "evaluate_density"}

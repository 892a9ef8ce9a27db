"""Whether there are enough images for the metrics: known before any job."""

import pytest

from unlearning.config.image_counts import check_image_counts
from unlearning.config.load import experiment_schema
from unlearning.config.strict_yaml import read_yaml
from unlearning.data.forget_set import GROUPS
from unlearning.plugins.describe import plugin_constant, plugin_names
from unlearning.plugins.load import load_plugin

DIGITS = read_yaml("configs/digits.yaml")
FLOWERS = {
    "name": "flowers",
    "files": {"attributes.csv": "sha256:…"},
    "classes": ["flower"],
    "attributes": ["large", "red"],
    "train_images": [9],
    "heldout_images": [3],
}


@pytest.fixture
def flowers(tmp_path, monkeypatch):
    """The user's own table: 3 of 9 training images are red."""
    rows = [f"{number}.png,{'train' if number < 9 else 'heldout'},1,{int(number % 3 == 0)}" for number in range(12)]
    (tmp_path / "flowers").mkdir()
    (tmp_path / "flowers" / "attributes.csv").write_text("image,split,large,red\n" + "\n".join(rows) + "\n")
    monkeypatch.setenv("UNLEARNING_DATA_SOURCE", str(tmp_path))


def problems_with(features, units, selection, dataset=FLOWERS):
    judge = DIGITS["judge"] | {"hidden_units": [9, units]}
    evaluation = {"samples": 100, "metrics": ["fid"], "features": features}
    return check_image_counts(DIGITS | {"forget_set": selection, "judge": judge, "evaluation": evaluation}, dataset)


@pytest.mark.parametrize(
    ("features", "cure"),
    [
        ("judge", "make the last of judge.hidden_units smaller, or take 'kid', which needs no such number"),
        ("inception", "set 'features: judge', or take 'kid', which needs no such number"),
    ],
)
@pytest.mark.parametrize(("selection", "retained"), [({}, 6), ({"fraction": 0.67, "seed": 0}, 7)])
def test_the_users_own_table_tells_how_many_images_an_attribute_leaves(
    flowers, monkeypatch, features, cure, selection, retained
):
    selection = {"attribute": "red", **selection}
    monkeypatch.setattr("unlearning.config.image_counts.FEATURES", retained)
    (problem,) = problems_with(features, retained, selection)
    said = f"'fid', a Fréchet distance on {retained} features, needs more than the {retained} retain images; {cure}"
    assert problem == f"evaluation.metrics: {said}"
    monkeypatch.setattr("unlearning.config.image_counts.FEATURES", retained - 1)
    assert problems_with(features, retained - 1, selection) == []


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00", b"image,split\n1.png,train\n"])
def test_a_table_that_does_not_tell_is_left_to_the_job_that_reads_it(tmp_path, monkeypatch, content):
    monkeypatch.setenv("UNLEARNING_DATA_SOURCE", str(tmp_path))
    if content is not None:
        (tmp_path / "flowers").mkdir()
        (tmp_path / "flowers" / "attributes.csv").write_bytes(content)
    assert problems_with("judge", 7, {"attribute": "red"}) == []


def test_a_metric_declares_what_it_needs_in_words_that_are_known():
    settings = set(experiment_schema()["properties"]["evaluation"]["properties"])
    for name in plugin_names("metrics"):
        for variable in ("SETTINGS", "OPTIONAL_SETTINGS"):
            assert set(plugin_constant("metrics", name, variable, ())) <= settings, name
        requirement = plugin_constant("metrics", name, "MORE_IMAGES_THAN_FEATURES")
        if requirement:
            assert requirement["classifier"] in ("judge", "guide"), name
            assert set(requirement["groups"]) <= {*GROUPS, "training"}, name
            assert requirement["instead"], name


def test_precision_and_recall_need_one_sample_more_than_neighbours():
    metric = load_plugin("metrics", "precision_recall")
    assert max(metric.NEIGHBOURS, metric.MANIFOLD) + 1 == metric.LEAST_SAMPLES
    assert load_plugin("metrics", "label_quality").LEAST_SAMPLES == metric.LEAST_SAMPLES

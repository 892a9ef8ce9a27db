"""Experiments on data sets in folders of classes: every check knows the classes of the user's copy."""

import shutil

import pytest
import yaml

from unlearning.config.load import ROOT, ConfigError, load_experiment
from unlearning.config.selection import with_runs_named
from unlearning.data.description import describe_dataset
from unlearning.io.downloads import SOURCE_VARIABLE
from unlearning.io.inception_weights import FEATURES
from unlearning.plugins.describe import plugin_constant

from ...miniature import write_class_folders

CLASSES = ["n01440764", "n01443537", "n01484850"]
SHA256 = "0" * 64


@pytest.fixture
def source(tmp_path, monkeypatch):
    """The folder of the user's data sets, as the environment names it."""
    monkeypatch.setenv(SOURCE_VARIABLE, str(tmp_path / "source"))
    (tmp_path / "source").mkdir()
    describe_dataset.cache_clear()
    yield tmp_path / "source"
    describe_dataset.cache_clear()


@pytest.fixture
def folder(source):
    """ImageNet in miniature: three classes of five and four pictures."""
    write_class_folders(source / "imagenet", CLASSES, train=5, val=4)
    return source / "imagenet"


@pytest.fixture
def root(tmp_path):
    """A copy of what a configuration is read from, with a checksum for ViT-MAE's weights."""
    for name in ("configs", "schemas", "published"):
        shutil.copytree(ROOT / name, tmp_path / name)
    change(tmp_path, "imagenet-i2i", lambda text: text.replace("sha256: null ", f"sha256: '{SHA256}' "))
    return tmp_path


def change(root, name, how):
    path = root / "configs" / f"{name}.yaml"
    text = how(path.read_text())
    assert text != path.read_text()
    path.write_text(text)


def write_empty(folder, classes, count):
    """Write empty files for checks that only list them: `count` of each class in both splits."""
    for split in ("train", "val"):
        for name in classes:
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                (folder / split / name / f"{number}.jpg").touch()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (shutil.rmtree, "everyone needs their own copy .*image-net.org.*imagenet/train/{class}/ .*data_source"),
        (lambda folder: shutil.rmtree(folder / "val"), "everyone needs their own copy"),
        (lambda folder: [shutil.rmtree(each) for each in (folder / "val").iterdir()], "val: has no folder for each"),
        (lambda folder: [each.unlink() for each in (folder / "train" / CLASSES[1]).iterdir()], "1443537: no picture"),
        (
            lambda folder: (folder / "val" / CLASSES[2]).rename(folder / "val" / "n01484851"),
            "2 classes are only in one .* 'n01484850' in train/ .is it 'n01484851' in the other",
        ),
    ],
    ids=["no folder", "no val", "flat val", "empty class", "other classes"],
)
def test_a_folder_that_is_not_right_is_refused_before_any_job(folder, root, spoil, message):
    spoil(folder)
    with pytest.raises(ConfigError, match=f"configs/imagenet-i2i.yaml: dataset = 'imagenet': .*{message}"):
        load_experiment("imagenet-i2i", root)


def test_the_experiments_are_right_with_the_published_classes(source, root, monkeypatch):
    """And with a tenth of the published held-out images of each, and of Inception's features."""
    monkeypatch.setattr("unlearning.config.image_counts.FEATURES", FEATURES // 10)
    write_empty(source / "imagenet", [f"n{number:08d}" for number in range(1000)], 5)
    write_empty(source / "places", [f"scene{number}" for number in range(365)], 10)
    for name, sizes in {"imagenet-i2i": (100, 100, 800), "places-i2i": (50, 50, 265)}.items():
        experiment = load_experiment(name, root)
        selection, proxies = experiment["forget_set"], experiment["proxies"]
        groups = [selection["classes"], selection["retain_classes"], proxies["others"]["classes"]]
        assert tuple(map(len, groups)) == sizes
        assert len({each for group in groups for each in group}) == sum(sizes)
    assert load_experiment("imagenet-i2i", root)["forget_set"]["classes"][-1] == "n00000099"
    change(root, "imagenet-i2i", lambda text: text.replace(SHA256, "x").replace("'x'", "null"))
    change(root, "places-i2i", lambda text: text.replace("start: 100, count: 265", "start: 49, count: 265"))
    for name, message in (
        ("imagenet-i2i", "sha256 = null: .* write here what `sha256sum pytorch_model.bin` says"),
        ("places-i2i", r"proxies.others.classes = 'scene\d+': is to be forgotten"),
    ):
        with pytest.raises(ConfigError, match=message):
            load_experiment(name, root)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{start: 0, count: 100}", "[n00000003, n0000004]", "not one of the 30 .* did you mean .*'n00000004'"),
        ("{start: 0, count: 100}", "[goldfish]", "they go from n00000000 to n00000029"),
        ("{start: 0, count: 100}", "{start: 25, count: 6}", r"forget_set.classes = {'start': 25.*only 30 classes"),
        ("{start: 0, count: 100}", "{start: 0, number: 6}", r"forget_set.classes.count: missing"),
        ("{start: 0, count: 100}", "{start: 0, count: 30}", "'n00000010' is to be forgotten"),
        ("centre_hole: {side: 128}", "centre_hole: {side: 112}", "side = 112: cuts through the model's 16×16 patches"),
        ("hidden_units: [256]", "hidden_units: [30]", "more than the 30 held-out forget images"),
    ],
)
def test_every_check_knows_the_classes_of_the_folders(source, root, old, new, message):
    write_empty(source / "imagenet", [f"n{number:08d}" for number in range(30)], 3)
    change(root, "imagenet-i2i", lambda text: text.replace(old, new, 1))
    for run, small in (("start: 0", 0), ("start: 100", 10), ("start: 200", 20)):
        path = root / "configs" / "imagenet-i2i.yaml"
        for count in (100, 800):
            path.write_text(path.read_text().replace(f"{run}, count: {count}}}", f"start: {small}, count: 10}}"))
    with pytest.raises(ConfigError, match=message):
        load_experiment("imagenet-i2i", root)


def test_runs_of_one_seed_share_no_class_and_another_seed_draws_others():
    classes = [f"c{number}" for number in range(20)]

    def names(seed):
        runs = [{"start": start, "count": 5, "seed": seed} for start in (0, 5)]
        experiment = {"forget_set": dict(zip(("classes", "retain_classes"), runs, strict=True))}
        named = with_runs_named(experiment, classes)
        assert experiment["forget_set"]["classes"] == runs[0]
        return named["forget_set"].values()

    forget, retain = names(0)
    assert not set(forget) & set(retain)
    assert [forget, retain] == list(names(0)) != list(names(1))
    assert forget == sorted(forget, key=classes.index) != classes[:5]


def test_the_files_of_both_data_sets_say_what_the_headers_say():
    for name, experiment in (("imagenet", "imagenet-i2i"), ("places", "places-i2i")):
        description = plugin_constant("datasets", name, "DATASET")
        text = (ROOT / "configs" / f"{experiment}.yaml").read_text()
        side = description["image_shape"][1]
        assert f"Used are {description['images_per_class']['train']} a class" in text
        assert f"{side}×{side}" in text
        assert "non-commercial" in description["licence"]
        training = yaml.safe_load(text)["training"]
        assert f"{training['epochs']} epochs" in text

"""Data sets in folders of classes: looked up before any job, read as torchvision reads them, refused if not right."""

import json
import shutil

import numpy as np
import pytest
import torchvision.datasets
import yaml
from torchvision.transforms import v2

import fetch_dataset
import prepare_dataset
from unlearning.config.load import ROOT, ConfigError, load_experiment
from unlearning.config.selection import with_runs_named
from unlearning.data import class_listing
from unlearning.data.dataset import Dataset
from unlearning.data.description import describe_dataset
from unlearning.datasets import imagenet
from unlearning.io.downloads import SOURCE_VARIABLE
from unlearning.io.inception_weights import FEATURES
from unlearning.plugins.describe import plugin_constant

from ...miniature import write_class_folders

CLASSES = ["n01440764", "n01443537", "n01484850"]
SHA256 = "0" * 64


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A folder for the user's data sets, which the workflow knows of."""
    monkeypatch.setenv(SOURCE_VARIABLE, str(tmp_path / "source"))
    (tmp_path / "source").mkdir()
    forget = describe_dataset.cache_clear
    forget()
    yield tmp_path / "source"
    forget()


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
    """Files that nothing is to read, for checks that only list them: so many of each class in both splits."""
    for split in ("train", "val"):
        for name in classes:
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                (folder / split / name / f"{number}.jpg").touch()


def test_classes_and_counts_are_those_of_the_folders_up_to_the_limit(source, folder, monkeypatch):
    (folder / "train" / CLASSES[0] / "notes.txt").touch()
    (folder / "train" / CLASSES[0] / ".hidden.jpg").touch()
    (folder / "train" / "README").touch()
    described = describe_dataset("imagenet")
    assert described["classes"] == CLASSES
    assert (described["train_images"], described["heldout_images"]) == ([5, 5, 5], [4, 4, 4])
    limited = class_listing.complete(imagenet.DATASET | {"images_per_class": {"train": 3, "val": 4}}, str(source))
    assert (limited["train_images"], limited["heldout_images"]) == ([3, 3, 3], [4, 4, 4])
    listed = []
    monkeypatch.setattr(class_listing, "pictures", lambda folder: (listed.append(each) or each for each in range(10)))
    assert class_listing.count(folder, 3) == 3 == len(listed)


@pytest.mark.parametrize(
    ("spoil", "said"),
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
def test_a_folder_that_is_not_right_is_refused_before_any_job(folder, root, spoil, said):
    spoil(folder)
    with pytest.raises(ConfigError, match=f"configs/imagenet-i2i.yaml: dataset = 'imagenet': .*{said}"):
        load_experiment("imagenet-i2i", root)


@pytest.mark.parametrize("place", [None, "https://example.org/data"])
def test_without_a_folder_the_data_set_says_where_to_get_it(place):
    with pytest.raises(ValueError, match="everyone needs their own copy") as error:
        class_listing.complete(imagenet.DATASET, place)
    assert repr(place) in str(error.value)


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
    for name, said in (
        ("imagenet-i2i", "sha256 = null: .* write here what `sha256sum pytorch_model.bin` says"),
        ("places-i2i", r"proxies.others.classes = 'scene\d+': is to be forgotten"),
    ):
        with pytest.raises(ConfigError, match=said):
            load_experiment(name, root)


@pytest.mark.parametrize(
    ("old", "new", "said"),
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
def test_every_check_knows_the_classes_of_the_folders(source, root, old, new, said):
    write_empty(source / "imagenet", [f"n{number:08d}" for number in range(30)], 3)
    change(root, "imagenet-i2i", lambda text: text.replace(old, new, 1))
    for run, small in (("start: 0", 0), ("start: 100", 10), ("start: 200", 20)):
        path = root / "configs" / "imagenet-i2i.yaml"
        for count in (100, 800):
            path.write_text(path.read_text().replace(f"{run}, count: {count}}}", f"start: {small}, count: 10}}"))
    with pytest.raises(ConfigError, match=said):
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


def prepare(data, monkeypatch, **described):
    """Fetch and prepare the miniature of ImageNet at 16×16 pixels."""
    monkeypatch.setattr(imagenet, "DATASET", imagenet.DATASET | {"image_shape": [3, 16, 16], **described})
    complete = class_listing.complete(imagenet.DATASET, str(data.parent / "source"))
    for script in (fetch_dataset, prepare_dataset):
        monkeypatch.setattr(script, "describe_dataset", lambda name: complete)
    fetch_dataset.main(dataset="imagenet", looked_up="", fetched=data / "fetched.json")
    outputs = {"prepared": data / "prepared.safetensors", "manifest": data / "manifest.json"}
    prepare_dataset.main(dataset="imagenet", fetched=data / "fetched.json", **outputs)
    return Dataset.load(outputs["prepared"]), json.loads(outputs["manifest"].read_text())


def test_images_are_those_that_torchvision_resizes_and_cuts(folder, tmp_path, monkeypatch):
    (folder / "val" / CLASSES[1]).rename(tmp_path / "elsewhere")  # as where disks are full
    (folder / "val" / CLASSES[1]).symlink_to(tmp_path / "elsewhere")
    data, manifest = prepare(tmp_path / "data", monkeypatch, images_per_class={"train": 2, "val": 50})
    look = v2.Compose([v2.Resize(16), v2.CenterCrop(16), v2.PILToTensor()])
    theirs = {split: torchvision.datasets.ImageFolder(folder / split, look) for split in ("train", "val")}
    wanted = [theirs["train"][place] for place in (0, 1, 5, 6, 10, 11)] + list(theirs["val"])
    assert data.classes == theirs["train"].classes == manifest["classes"]
    np.testing.assert_array_equal(data.labels, [label for _, label in wanted])
    np.testing.assert_array_equal(data.train, [True] * 6 + [False] * 12)
    difference = data.images.astype(int) - np.stack([image.numpy() for image, _ in wanted])
    assert np.abs(difference).mean() < 6  # theirs resizes before it cuts, so that edges differ
    assert (manifest["train_images"], manifest["unreadable"]) == ([2, 2, 2], 0)
    assert {path.name for path in (tmp_path / "data" / "raw").iterdir()} == {"train", "val"}
    assert len(list((tmp_path / "data" / "raw").rglob("*.JPEG"))) == 18


def test_unreadable_pictures_are_left_out_up_to_a_share(folder, tmp_path, monkeypatch):
    (folder / "train" / CLASSES[1] / f"{CLASSES[1]}_3.JPEG").write_bytes(b"\xff\xd8broken")
    pictures = imagenet.DATASET["pictures"]
    data, manifest = prepare(tmp_path / "data", monkeypatch, pictures=pictures | {"unreadable_share": 0.04})
    assert np.bincount(data.labels[data.train]).tolist() == manifest["train_images"] == [5, 4, 5]
    assert manifest["unreadable"] == 1
    assert len(data.images) == len(data.attributes) == 26
    said = r"1 of 27 pictures are missing or cannot be read.*n01443537_3.JPEG.*Put them right in the data source"
    with pytest.raises(ValueError, match=said) as error:
        prepare(tmp_path / "other", monkeypatch, pictures=pictures)
    for path in (tmp_path / "other" / "fetched.json", tmp_path / "other" / "raw"):
        assert f"{path} " in error.value.__notes__[0]


def test_a_full_disk_leaves_no_half_of_a_split(folder, tmp_path, full_disk):
    raw = tmp_path / "data" / "raw"
    with pytest.raises(OSError, match=f"^{raw}: cannot be written: No space left on device; make room"):
        fetch_dataset.main(dataset="imagenet", looked_up="", fetched=tmp_path / "data" / "fetched.json")
    assert len(full_disk) == 1
    assert list((tmp_path / "data").rglob("*")) == [raw]


def test_the_files_of_both_data_sets_say_what_the_headers_say():
    for name, experiment in (("imagenet", "imagenet-i2i"), ("places", "places-i2i")):
        described = plugin_constant("datasets", name, "DATASET")
        text = (ROOT / "configs" / f"{experiment}.yaml").read_text()
        side = described["image_shape"][1]
        assert f"Used are {described['images_per_class']['train']} a class" in text
        assert f"{side}×{side}" in text
        assert "non-commercial" in described["licence"]
        training = yaml.safe_load(text)["training"]
        assert f"{training['epochs']} epochs" in text

"""Selection of the forget set, over all kinds of selections (hypothesis)."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import select_forget_set
from unlearning.config.selection import check_selection, group_sizes
from unlearning.data.dataset import Dataset, class_names
from unlearning.data.forget_set import ForgetSet, retained_images, select, spread_out

CLASSES = ["zero", "one", "two", "three"]


@st.composite
def labelled(draw):
    """Labels of a small data set with every class in the training split, and its split."""
    labels = draw(st.lists(st.integers(0, 3), min_size=4, max_size=60).map(lambda rest: [0, 1, 2, 3, *rest]))
    train = [True] * 4 + draw(st.lists(st.booleans(), min_size=len(labels) - 4, max_size=len(labels) - 4))
    return np.array(labels), np.array(train)


selections = st.one_of(
    st.fixed_dictionaries({"classes": st.lists(st.sampled_from(CLASSES), min_size=1, max_size=3, unique=True)}),
    st.fixed_dictionaries(
        {
            "classes": st.lists(st.sampled_from(CLASSES), min_size=1, unique=True) | st.just("all"),
            "fraction": st.floats(0.01, 0.99),
            "seed": st.integers(0, 5),
        }
    ),
    st.fixed_dictionaries(
        {
            "classes": st.lists(st.sampled_from(CLASSES[:2]), min_size=1, unique=True),
            "retain_classes": st.lists(st.sampled_from(CLASSES[2:]), min_size=1, unique=True),
        },
        optional={"retain_fraction": st.floats(0.01, 0.99)},
    ),
    st.fixed_dictionaries(
        {
            "classes": st.lists(st.sampled_from(CLASSES), min_size=1, unique=True) | st.just("all"),
            "samples": st.integers(1, 70),
            "seed": st.integers(0, 5),
        }
    ),
    st.fixed_dictionaries({"indices": st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True)}),
)


def description(labels, train):
    counts = np.bincount(labels[train], minlength=4).tolist()
    return {"name": "made up", "classes": CLASSES, "train_images": counts}


@given(labelled(), selections)
def test_groups_split_the_images_and_hold_what_was_asked_for(data, selection):
    labels, train = data
    if check_selection(selection, description(labels, train)):
        return
    result = select(selection, labels, train, CLASSES)
    training = result.forget + result.retain + result.others
    heldout = result.heldout_forget + result.heldout_retain
    # `indices` count the training split, which comes first in a prepared data set but not in this one.
    assert sorted(training) == np.flatnonzero(train).tolist()
    if "retain_classes" in selection:
        numbers = [CLASSES.index(name) for name in selection["retain_classes"]]
        pool = np.flatnonzero(train & np.isin(labels, numbers))
        assert set(result.retain) <= set(pool)
        assert len(result.retain) == round(len(pool) * selection.get("retain_fraction", 1))
        assert result.heldout_retain == np.flatnonzero(~train & np.isin(labels, numbers)).tolist()
    else:
        assert not result.others
        assert sorted(heldout) == np.flatnonzero(~train).tolist()
    assert sorted(result.forget + result.never_forgotten) == np.flatnonzero(train).tolist()
    assert result.forget
    assert result.retain
    assert set(result.forgotten_classes) == set(labels[result.forget]) - set(labels[result.never_forgotten])
    if "indices" in selection:
        assert result.forget == sorted(selection["indices"])
        assert set(labels[result.heldout_forget]) <= set(labels[result.forget])
    else:
        names = CLASSES if selection["classes"] == "all" else selection["classes"]
        numbers = [CLASSES.index(name) for name in names]
        pool = np.isin(labels, numbers) & train
        assert pool[result.forget].all()
        share = round(pool.sum() * selection.get("fraction", 1))
        assert len(result.forget) == selection.get("samples", share)
        assert set(labels[result.heldout_forget]) <= set(numbers)


@given(labelled(), selections)
def test_a_selection_that_the_check_lets_pass_never_fails_and_one_that_it_refuses_always_would(data, selection):
    labels, train = data
    if check_selection(selection, description(labels, train)):
        with pytest.raises(ValueError, match="forget_set"):
            select(selection, labels, train, CLASSES)
    else:
        select(selection, labels, train, CLASSES)


@given(labelled(), selections)
def test_sizes_of_the_groups_are_known_before_the_selection(data, selection):
    labels, train = data
    dataset = description(labels, train) | {"heldout_images": np.bincount(labels[~train], minlength=4).tolist()}
    if not check_selection(selection, dataset):
        sizes = group_sizes(selection, dataset)
        groups = select(selection, labels, train, CLASSES).groups()
        assert sizes == {group: len(groups[group]) for group in sizes}
        assert len(sizes) == (2 if "indices" in selection else 4)


@given(labelled(), selections)
def test_the_same_selection_gives_the_same_set(data, selection):
    labels, train = data
    if not check_selection(selection, description(labels, train)):
        first, second = (select(selection, labels, train, CLASSES) for _ in range(2))
        assert first == second
        assert first.sha256 == second.sha256


@pytest.mark.parametrize("size", [{"fraction": 0.5}, {"samples": 25}])
def test_another_seed_draws_others(size):
    labels, train = np.repeat([0, 1, 2, 3], 50), np.ones(200, bool)
    first, second = (select({"classes": ["one"], **size, "seed": seed}, labels, train, CLASSES) for seed in (0, 1))
    assert len(first.forget) == len(second.forget) == 25
    assert first.forget != second.forget
    assert first.forgotten_classes == []


def test_a_random_subset_of_everything_leaves_every_class_and_all_held_out_images_to_compare_with():
    labels, train = np.tile([0, 1, 2, 3], 50), np.arange(200) < 150
    result = select({"classes": "all", "samples": 10, "seed": 0}, labels, train, CLASSES)
    assert len(result.forget) == 10
    assert result.forgotten_classes == result.heldout_forget == []
    assert len(result.heldout_retain) == 50


def test_held_out_images_of_a_single_images_class_are_kept_apart():
    labels, train = np.tile([0, 1, 2, 3], 10), np.arange(40) < 30
    result = select({"indices": [5]}, labels, train, CLASSES)
    assert result.heldout_forget == [33, 37]
    assert result.forgotten_classes == []


def test_held_out_images_of_the_forgotten_classes_are_kept_apart():
    labels, train = np.tile([0, 1, 2, 3], 10), np.arange(40) < 30
    result = select({"classes": ["one", "three"]}, labels, train, CLASSES)
    assert result.heldout_forget == [i for i in range(30, 40) if labels[i] in (1, 3)]
    assert result.forgotten_classes == [1, 3]


def test_an_altered_file_is_refused(tmp_path):
    labels, train = np.tile([0, 1, 2, 3], 10), np.arange(40) < 30
    path = tmp_path / "forget_set.json"
    result = select({"classes": ["one"]}, labels, train, CLASSES)
    result.save(path, {"classes": ["one"]})
    assert ForgetSet.load(path) == result
    content = json.loads(path.read_text())
    content["forget"].pop()
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="changed after selection"):
        ForgetSet.load(path)


@pytest.fixture
def coloured():
    """Twelve images of one class, nine to train with; every third is red, all are round and none is blue."""
    red = (np.arange(12) % 3 == 0).astype(np.uint8)
    return Dataset(
        images=np.zeros((12, 1, 2, 2), np.uint8),
        labels=np.zeros(12, np.int64),
        attributes=np.stack([red, np.ones_like(red), np.zeros_like(red)], axis=1),
        train=np.arange(12) < 9,
        classes=["thing"],
        attribute_names=["red", "round", "blue"],
    )


def select_attribute(dataset, **selection):
    data = dataset.labelled(selection["attribute"])
    return select(selection, data.labels, data.train, data.classes)


def test_an_attribute_takes_the_place_of_the_classes(coloured):
    result = select_attribute(coloured, attribute="red")
    assert result.forget == [0, 3, 6]
    assert result.retain == [1, 2, 4, 5, 7, 8]
    assert (result.heldout_forget, result.heldout_retain) == ([9], [10, 11])
    names = coloured.labelled("red").classes
    assert [names[number] for number in result.forgotten_classes] == ["red"]
    assert names == class_names({"attribute": "red"}, {"classes": ["thing"]})
    assert class_names({"classes": ["thing"]}, {"classes": ["thing"]}) == coloured.labelled(None).classes


def test_a_fraction_of_an_attribute_is_drawn_from_the_images_that_have_it(coloured):
    result = select_attribute(coloured, attribute="red", fraction=0.67, seed=0)
    assert len(result.forget) == 2
    assert set(result.forget) < {0, 3, 6}
    assert result.forgotten_classes == []


def test_more_samples_than_have_the_attribute_are_refused_and_the_file_is_named(coloured, tmp_path):
    coloured.save(tmp_path / "prepared.safetensors")
    paths = {"dataset": tmp_path / "prepared.safetensors", "forget_set": tmp_path / "forget_set.json"}
    selection = {"attribute": "red", "samples": 4, "seed": 0}
    message = r"configs/mine.yaml: forget_set.samples = 4: there are only 3 such training images; lower it"
    with pytest.raises(ValueError, match=message):
        select_forget_set.main(experiment="mine", selection=selection, checked_with={}, **paths)
    assert not paths["forget_set"].exists()


@pytest.mark.parametrize(
    ("features", "cure"),
    [
        ("judge", "make the last of judge.hidden_units smaller, or"),
        ("inception", "set 'features: judge', or take 'kid'"),
    ],
)
def test_fewer_images_to_retain_than_a_distance_needs_are_refused_before_training(
    coloured, tmp_path, monkeypatch, features, cure
):
    monkeypatch.setattr("unlearning.config.image_counts.FEATURES", 6)
    coloured.save(tmp_path / "prepared.safetensors")
    paths = {"dataset": tmp_path / "prepared.safetensors", "forget_set": tmp_path / "forget_set.json"}

    def run(units):
        evaluation = {"metrics": ["fid"], "features": features, "samples": 100}
        configuration = {"judge": {"hidden_units": [9, units]}, "evaluation": evaluation}
        select_forget_set.main(experiment="mine", selection={"attribute": "red"}, checked_with=configuration, **paths)

    message = "configs/mine.yaml: evaluation.metrics: 'fid', a Fréchet distance on 6 features, needs more than the 6"
    with pytest.raises(ValueError, match=f"{message} retain images; {cure}"):
        run(6)
    assert not paths["forget_set"].exists()
    monkeypatch.setattr("unlearning.config.image_counts.FEATURES", 5)
    run(5)
    assert len(ForgetSet.load(paths["forget_set"]).retain) == 6


@pytest.mark.parametrize(("attribute", "message"), [("round", "9 images to forget and 0"), ("blue", "leaves 0 images")])
def test_an_attribute_of_all_images_or_of_none_is_refused(coloured, attribute, message):
    with pytest.raises(ValueError, match=f"forget_set = .*{attribute}.*{message}"):
        select_attribute(coloured, attribute=attribute)


def test_images_of_a_proxy_are_neither_in_the_retain_set_nor_to_be_forgotten():
    labels, train = np.repeat([0, 1, 2, 3], 10), np.arange(40) % 10 < 8
    data = Dataset(
        images=np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1),
        labels=labels,
        attributes=np.zeros((40, 0), np.uint8),
        train=train,
        classes=CLASSES,
        attribute_names=[],
    )
    selection = {"classes": ["zero"], "retain_classes": ["one", "two"], "retain_fraction": 0.5}
    result = select(selection, labels, train, CLASSES)
    images, names = retained_images({"classes": ["two", "three"]}, data, result, None)
    proxy = images.ravel().tolist()
    assert names.tolist() == [labels[place] for place in proxy]
    twos = [place for place in result.retain if labels[place] == 2]
    assert sorted(proxy + twos) == np.flatnonzero(train & (labels >= 2)).tolist()
    assert len(proxy) == 8 + 4
    whole = select({**selection, "retain_fraction": 1}, labels, train, CLASSES)
    with pytest.raises(ValueError, match="are in the retain set"):
        retained_images({"classes": ["two"]}, data, whole, None)


@pytest.mark.parametrize(("total", "count"), [(10, 3), (3, 10), (7, 7), (100, 1), (0, 5)])
def test_images_are_spread_over_the_list_without_repetition(total, count):
    selection = spread_out(range(total), count).tolist()
    assert len(selection) == len(set(selection)) == min(total, count)
    assert selection == sorted(selection)
    if len(selection) > 1:
        assert (selection[0], selection[-1]) == (0, total - 1)

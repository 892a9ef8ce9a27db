"""Configuration: what is right passes, what is wrong is named with file, key, value and cure."""

import copy
import re
import shutil

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from unlearning.config.checks import check_experiment
from unlearning.config.experiment import method_settings, rows_alike_but_for
from unlearning.config.load import (
    ROOT,
    ConfigError,
    experiment_schema,
    load_experiment,
    load_experiments,
    load_settings,
    read_yaml,
)
from unlearning.data.description import describe_dataset
from unlearning.plugins import describe
from unlearning.plugins.describe import describe_plugin, plugin_constant, plugin_names

from ...clone import set_key

ADAMW = {"second_moment": 0.95, "weight_decay": 0.05, "warm_up": 9, "clip": 3}
DIGITS = read_yaml("configs/digits.yaml")
GUIDE = {key: value for key, value in DIGITS["judge"].items() if key != "networks"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A copy of what a configuration is read from, to which tests add files."""
    folder = tmp_path_factory.mktemp("configurations")
    for name in ("configs", "schemas", "published"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "config.yaml", folder)
    return folder


@pytest.fixture
def refused(root):
    """Write an experiment and return the message it is refused with."""

    def refuse(text):
        (root / "configs" / "bad.yaml").write_text(text)
        with pytest.raises(ConfigError) as error:
            load_experiment("bad", root)
        return str(error.value)

    return refuse


def changed(path, value, base=DIGITS):
    """An experiment with the key at a dotted path set, or deleted if the value is ..."""
    experiment = copy.deepcopy(base)
    set_key(experiment, path.split("."), value)
    return yaml.safe_dump(experiment, sort_keys=False)


def completing(mask):
    """A model that completes images, with some mask."""
    sizes = {"channels": [8], "layers": 1, "groups": 2, "latent_channels": 2, "codes": 8, "commitment": 0.25}
    return {"vq": {"mask": mask, **sizes}}


def test_every_experiment_in_the_repository_is_right():
    for path in (ROOT / "configs").glob("*.yaml"):
        if path.stem not in (
            "imagenet-i2i",
            "places-i2i",
            "imagenet-dit",
        ):  # need a copy of the data, see test_class_folders.py
            load_experiment(path.stem)
    load_settings({})


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (
            "methods.uno",
            {"orthogonality_wieght": 1000},
            ["orthogonality_wieght = 1000", "did you mean 'orthogonality_weight'"],
        ),
        ("methods.fintune", {}, ["methods.fintune = {}", "unknown key", "did you mean 'finetune'"]),
        ("methods.uno.orthogonality_weight", "large", ["= 'large'", "must be of type number", "λ"]),
        ("methods.uno.orthogonality_weight", -1, ["= -1", "at least 0"]),
        ("methods", {}, ["methods = {}", "at least 1"]),
        ("dataset", "digist", ["dataset = 'digist'", "must be one of", "did you mean 'digits'"]),
        ("forget_set", {"classes": [11]}, ["forget_set.classes = 11", "its classes: 0, 1, 2"]),
        ("forget_set", {"classes": ["1"], "fraction": 1e-4, "seed": 0}, ["chooses none of 146"]),
        ("forget_set", {"classes": list(range(10))}, ["retain set would be empty"]),
        ("forget_set", {"classes": ["1"], "fraction": 0.5}, ["forget_set", "'seed'"]),
        ("forget_set", {"classes": "all", "samples": 100}, ["forget_set", "'seed'"]),
        ("forget_set", {"classes": "all", "samples": 1500, "seed": 0}, ["forget_set.samples = 1500", "only 1437"]),
        ("forget_set", {"indices": [1437]}, ["forget_set.indices = 1437", "0 to 1436"]),
        ("evaluation.features", "inceptoin", ["judge, inception", "did you mean 'inception'"]),
        ("forget_set", {"attribute": "thik"}, ["forget_set.attribute = 'thik'", "did you mean 'thick'"]),
        ("forget_set", {"attribute": "thick", "samples": 5000, "seed": 0}, ["forget_set.samples = 5000", "only 1437"]),
        ("forget_set", {"attribute": "thick", "seed": 0}, ["'seed' goes with one of 'fraction' and 'samples'"]),
        ("forget_set", {"attribute": 3}, ["forget_set.attribute = 3", "must be of type string"]),
        ("judge.convolutions", [0], ["judge.convolutions.0 = 0", "at least 1"]),
        ("training.precision", "half", ["training.precision = 'half'", "float32, tf32, bfloat16"]),
        ("unlearning.steps", -5, ["unlearning.steps = -5", "at least 1"]),
        ("unlearning.steps", 10.5, ["unlearning.steps = 10.5", "integer"]),
        ("unlearning.steps", 5e2, ["unlearning.steps = 500.0", "integer"]),
        ("title", "two\nlines", ["title = 'two", "must match"]),
        ("published", {"table": "uno", "settings": "reduced"}, ["published.table = 'uno': has no numbers of the data"]),
        (
            "published",
            {"table": "uno", "corrected": "uno-corected", "settings": "reduced"},
            ["published.corrected = 'uno-corected'", "did you mean 'uno-corrected'"],
        ),
        ("methods.Uno", {}, ["Uno"]),
        ("unlearning.steps", True, ["unlearning.steps = True", "integer"]),
        ("unlearning.steps", 9999, ["unlearning.measure", "ends at step 500", "9999"]),
        ("unlearning.measure", [{"until": 500, "every": 5}, {"until": 500, "every": 1}], ["must grow"]),
        ("unlearning.loss_reduction", "summ", ["sum, mean", "did you mean 'sum'"]),
        ("training.learning_rate", 0, ["training.learning_rate = 0", "greater than 0"]),
        ("seeds", [0, 0], ["seeds = [0, 0]", "must not repeat"]),
        ("seeds", [], ["seeds = []", "at least 1"]),
        ("evaluation.metrics", ["fid", "fdi"], ["evaluation.metrics.1 = 'fdi'", "did you mean 'fid'"]),
        ("evaluation", ..., ["evaluation: missing"]),
        ("figures", ["embeddings"], ["'embeddings' is for completing models, but vae"]),
        (
            "figures",
            ["published"],
            ["published: missing; add it, or remove 'published' from 'figures', which"],
        ),
        ("figures", ["latent_space"], ["model.vae.latent_dimensions = 8: must be 2, or remove 'latent_space'"]),
        ("figures", ["sensitivity"], ["'sensitivity' needs rows under 'methods' that differ in optimizer or orthog"]),
        (
            "evaluation.threshold",
            ...,
            ["evaluation.threshold: missing; 'time_to_unlearn'", "remove 'tradeoff'", "remove 'forget_fraction'"],
        ),
        ("unlearning.batch_size", ..., ["unlearning.batch_size: missing", "images per step"]),
        ("model", {"vae": {"hidden_units": 8}}, ["model.vae.latent_dimensions: missing"]),
        (
            "model",
            {"conv_vae": {"channels": [8, 8, 8, 8], "latent_dimensions": 2, "pixel_deviation": 1}},
            ["model.conv_vae.channels = [8, 8, 8, 8]: images of 8×8 pixels cannot be halved 4 times; name fewer"],
        ),
        ("model", {"vea": {}}, ["model.vea", "did you mean 'vae'"]),
        ("model", completing({"centre_hole": {"side": 3}}), ["model.vq.mask.centre_hole.side = 3", "an even one"]),
        ("model", completing({}), ["model.vq.mask = {}", "at least 1 key"]),
        ("model", completing({"centre": {"side": 4}}), ["model.vq.mask.centre", "allowed: centre_crop, centre_hole"]),
        ("guide", GUIDE, ["guide.seed = 0: the guide has the seed and the layers of 'judge'", "another seed"]),
        (
            "guide",
            GUIDE | {"noise": 0, "learning_rate": 1, "epochs": 1},
            ["guide.seed = 0: the guide has the seed and the layers of"],
        ),
        ("unlearning.optimizer", "adamw", ["unlearning.adamw: missing; the row 'finetune' has the optimiser 'adamw'"]),
        ("unlearning.adamw", ADAMW, ["unlearning.adamw: no row has the optimiser 'adamw'"]),
        ("unlearning.adamw", ADAMW | {"clip": 0}, ["unlearning.adamw.clip = 0"]),
        ("device", "gpu", ["device = 'gpu'", "cpu, cuda, auto"]),
        ("trainig", {"epochs": 3}, ["trainig", "unknown key", "did you mean 'training'"]),
    ],
)
def test_a_wrong_key_or_value_is_named_with_what_is_allowed(refused, path, value, said):
    message = refused(changed(path, value))
    assert message.startswith("configs/bad.yaml: ")
    for part in said:
        assert part in message


def test_all_problems_come_in_one_message(refused):
    experiment = copy.deepcopy(DIGITS)
    experiment["seeds"], experiment["device"], experiment["colour"] = [-1], "tpu", "red"
    message = refused(yaml.safe_dump(experiment))
    assert [key in message for key in ("seeds.0", "device", "colour")] == [True] * 3
    assert len(message.splitlines()) == 3


def test_two_methods_of_one_name_are_refused(refused):
    message = refused((ROOT / "configs" / "digits.yaml").read_text().replace("  uno_s: *uno\n", "  uno: *uno\n"))
    assert 'not valid YAML: found duplicate key "uno"; rename or remove one' in message
    assert message.startswith("configs/bad.yaml, line ")


def test_yaml_that_does_not_parse_is_refused_with_its_place(refused):
    assert "configs/bad.yaml, line 3, column 1: not valid YAML" in refused("title: x\nseeds: [0, 1\n")


AMBIGUOUS = ["007", "010", "0o7", "0x1F", "0b11", "1_000", "12:30", "+7", "-0", "no", "Yes", "ON", "off"]


@pytest.mark.parametrize("value", AMBIGUOUS)
def test_values_that_versions_of_yaml_read_differently_are_refused_without_quotes(refused, tmp_path, value):
    """Class folders may have such names: of 7, 8 and 010, the class 8 was forgotten for 010."""
    message = refused(f"title: x\nforget_set:\n  classes: [7, {value}]\n")
    assert f"configs/bad.yaml, line 3, column 16: not valid YAML: {value} means different things" in message
    assert f"write it in quotes, '{value}'" in message
    (tmp_path / "quoted.yaml").write_text(f"classes: [7, '{value}', \"{value}\"]\n")
    assert read_yaml("quoted.yaml", tmp_path) == {"classes": [7, value, value]}


def test_other_words_and_numbers_need_no_quotes(tmp_path):
    sha256 = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"
    (tmp_path / "plain.yaml").write_text(f"a: [0, -1, 0.5, 10, none, nope, n01440764, 1-2, a:30, {sha256}, true]\n")
    expected = [0, -1, 0.5, 10, "none", "nope", "n01440764", "1-2", "a:30", sha256, True]
    assert read_yaml("plain.yaml", tmp_path) == {"a": expected}


@pytest.mark.parametrize("value", ["1.10", "1e3", "2024-01-01", "true", "null"])
def test_names_that_are_something_else_in_yaml_must_be_in_quotes(refused, value):
    message = refused(changed("forget_set.classes", ["x"]).replace("- x", f"- {value}"))
    assert "forget_set.classes.0 = " in message
    assert "must be of type string or integer; write a name that looks like a number, a date" in message


def test_yaml_tags_that_would_run_code_are_refused(refused):
    assert "not valid YAML" in refused("title: !!python/object/apply:os.system ['true']\n")


def test_a_file_that_is_not_a_mapping_is_refused(refused):
    assert "must be a mapping" in refused("- 1\n- 2\n")


def test_an_experiment_without_a_file_is_refused_with_the_nearest_name(root):
    with pytest.raises(ConfigError, match="did you mean 'digits'"):
        load_settings({"experiments": ["digit"]}, root)


def test_an_unknown_setting_on_the_command_line_is_refused(root):
    with pytest.raises(ConfigError, match=r"config.yaml: result = 'x': unknown key; .*did you mean 'results'"):
        load_settings({"result": "x"}, root)


def test_numbers_may_be_written_as_people_write_them(tmp_path):
    (tmp_path / "numbers.yaml").write_text("a: 1e-3\nb: 1E3\nc: 1.5e+2\nd: 1e-3x\n")
    assert read_yaml("numbers.yaml", tmp_path) == {"a": 1e-3, "b": 1e3, "c": 150.0, "d": "1e-3x"}


def test_a_method_may_set_its_own_learning_rate():
    experiment = copy.deepcopy(DIGITS)
    experiment["methods"]["uno"]["learning_rate"] = 0.5
    settings = method_settings(experiment, "uno")
    assert settings["learning_rate"] == 0.5
    assert settings["steps"] == DIGITS["unlearning"]["steps"]
    assert settings["parameters"] == {"orthogonality_weight": 1e3}
    assert method_settings(experiment, "finetune")["learning_rate"] == DIGITS["unlearning"]["learning_rate"]


def test_no_parameter_of_a_method_hides_a_setting_of_the_loop():
    for method in plugin_names("methods"):
        assert not set(describe_plugin("methods", method)) & set(DIGITS["unlearning"])


def test_every_key_is_described_and_every_mapping_is_closed():
    def walk(schema, path):
        if schema.get("type") == "object":
            rest = schema.get("additionalProperties")
            assert rest is False or isinstance(rest, dict), path
            walk(rest or {}, f"{path}.*")
        for key, value in schema.get("properties", {}).items():
            where = f"{path}.{key}"
            assert path in (".methods", ".model") or value.get("description"), where
            walk(value, where)
        if "items" in schema:
            walk(schema["items"], f"{path}[]")

    walk(experiment_schema(), "")


@settings(max_examples=100)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=6,
    ),
    st.sampled_from([*DIGITS, *(f"unlearning.{key}" for key in DIGITS["unlearning"]), "methods.uno", "new_key"]),
)
def test_whatever_stands_in_a_key_the_answer_is_a_message_or_a_valid_experiment(root, value, path):
    (root / "configs" / "fuzz.yaml").write_text(changed(path, value))
    try:
        assert load_experiment("fuzz", root)["methods"]
    except ConfigError as error:
        message = str(error)
    else:
        assert path != "new_key"
        return
    assert message.startswith("configs/fuzz.yaml")
    assert path.split(".")[-1] in message


def test_a_constraint_that_does_not_exist_is_refused_with_the_nearest_name(refused, monkeypatch, tmp_path):
    shutil.copytree(describe.LIBRARY, tmp_path / "library")
    monkeypatch.setattr(describe, "LIBRARY", tmp_path / "library")
    plugin_constant.cache_clear()
    model = tmp_path / "library" / "models" / "vae.py"
    model.write_text(model.read_text() + '\nCONSTRAINTS = ["mask_fits_images"]\n')
    said = "model.vae: scripts/unlearning/models/vae.py: CONSTRAINTS: 'mask_fits_images' is no function of "
    message = refused(yaml.safe_dump(DIGITS))
    assert said in message
    assert "did you mean 'mask_fits_image'?" in message
    plugin_constant.cache_clear()


def with_row(row, **changes):
    experiment = copy.deepcopy(DIGITS)
    experiment["methods"]["swept"] = row
    return yaml.safe_dump(experiment | changes, sort_keys=False)


UNO = {"algorithm": "uno", "orthogonality_weight": 10.0}


def test_a_row_may_name_its_method(root):
    (root / "configs" / "swept.yaml").write_text(with_row(UNO | {"optimizer": "sgd"}))
    settings = method_settings(load_experiment("swept", root), "swept")
    assert settings["algorithm"] == "uno"
    assert settings["optimizer"] == "sgd"
    assert settings["parameters"] == {"orthogonality_weight": 10.0}
    assert method_settings(DIGITS, "uno")["algorithm"] == "uno"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"algorithm": "unoo"}, ["methods.swept.algorithm = 'unoo'", "did you mean 'uno'"]),
        ({"rule": "uno"}, ["methods.swept.rule = 'uno': renamed to 'algorithm'; write 'algorithm: uno'"]),
        ({"algorithm": "uno"}, ["methods.swept.orthogonality_weight: missing"]),
        (UNO | {"lambda": 1}, ["methods.swept.lambda = 1", "unknown key"]),
        (UNO | {"optimizer": "adagrad"}, ["methods.swept.optimizer = 'adagrad'", "adam, adam_warm, adamw, sgd"]),
        ({"algorithm": "histogram", "histogram_weight": 1.0}, ["methods.swept", "classifier in its loss", "'guide'"]),
        (3, ["methods.swept = 3"]),
    ],
)
def test_a_wrong_row_is_named(refused, row, said):
    message = refused(with_row(row))
    for part in said:
        assert part in message


@pytest.mark.parametrize("name", ["retrain", "Uno", "a/b", "../x"])
def test_a_row_of_a_name_that_cannot_be_a_folder_is_refused(refused, name):
    experiment = copy.deepcopy(DIGITS)
    for row in (UNO, {}):
        experiment["methods"][name] = row
        assert refused(yaml.safe_dump(experiment, sort_keys=False)).startswith("configs/bad.yaml: methods")


def test_a_row_named_like_a_method_cannot_be_another(refused):
    experiment = copy.deepcopy(DIGITS)
    experiment["methods"]["finetune"] = UNO
    assert "methods.finetune.algorithm = 'uno': must be one of finetune" in refused(yaml.safe_dump(experiment))


def test_the_published_protocol_needs_a_guide_and_distances_enough_samples(refused):
    metrics = [*DIGITS["evaluation"]["metrics"], "as_published"]
    message = refused(changed("evaluation.metrics", metrics))
    assert "evaluation.metrics: 'as_published' needs a classifier of its own" in message
    message = refused(changed("evaluation.samples", 64))
    assert "evaluation.samples = 64: 'fid', a Fréchet distance on 64 features, needs more than that; raise" in message


@pytest.mark.parametrize(
    ("selection", "whole"),
    [
        ({"classes": "all", "fraction": 0.1, "seed": 0}, False),
        ({"classes": [1], "samples": 70, "seed": 0}, False),
        ({"attribute": "thick", "fraction": 0.5, "seed": 0}, False),
        ({"indices": [0, 5]}, False),
        ({"classes": [1]}, True),
        ({"attribute": "thick"}, True),
    ],
)
def test_who_steers_away_from_classes_needs_whole_ones_to_forget(refused, root, selection, whole):
    methods = {"histogram": {"histogram_weight": 1}, "selective_amnesia": {"elasticity_weight": 1, "fisher_samples": 9}}
    guide = GUIDE | {"seed": 1}
    experiment = DIGITS | {"forget_set": selection, "guide": guide, "methods": {"finetune": {}} | methods}
    if whole:
        (root / "configs" / "whole.yaml").write_text(yaml.safe_dump(experiment))
        assert load_experiment("whole", root)
    else:
        lines = refused(yaml.safe_dump(experiment)).splitlines()
        assert [line.split(":")[1].strip() for line in lines] == ["methods.histogram", "methods.selective_amnesia"]


def test_a_threshold_that_nothing_reads_is_refused(refused, root):
    evaluation = DIGITS["evaluation"] | {"metrics": ["fid"]}
    margin = evaluation.pop("margin")
    experiment = DIGITS | {"evaluation": evaluation, "figures": ["samples"]}
    message = refused(yaml.safe_dump(experiment))
    assert "evaluation.threshold = 0.02: no metric or figure has a use for it; leave it out, or add " in message
    assert "'as_published' or 'label_crossing' or 'time_to_unlearn' to 'metrics'" in message
    timed = evaluation | {"metrics": ["time_to_unlearn"], "margin": margin}
    for readers in ({"figures": ["tradeoff"]}, {"evaluation": timed}):
        (root / "configs" / "read.yaml").write_text(yaml.safe_dump(experiment | readers))
        load_experiment("read", root)


def test_rows_of_a_sweep_differ_in_its_keys_alone():
    rows = {"uno": UNO, "strong": UNO | {"orthogonality_weight": 99.0}, "slow": UNO | {"learning_rate": 1e-5}}
    rows |= {"same": UNO | {"learning_rate": 1e-3}, "other": UNO | {"optimizer": "sgd", "batch_size": 9}}
    experiment = DIGITS | {"methods": rows | {"finetune": {}}}
    weights = {"uno": 10.0, "strong": 99.0, "same": 10.0}
    found = rows_alike_but_for(experiment, ("orthogonality_weight",))
    assert found == [{row: {"orthogonality_weight": weight} for row, weight in weights.items()}]
    (found,) = rows_alike_but_for(experiment, ("orthogonality_weight", "learning_rate"))
    assert list(found) == ["uno", "strong", "slow", "same"]
    assert rows_alike_but_for(experiment, ("batch_size",)) == []


@pytest.mark.parametrize(
    ("selection", "retained"),
    [
        ({"classes": list(range(9))}, 144),
        ({"classes": [0], "retain_classes": [1]}, 146),
        ({"classes": "all", "samples": 1300, "seed": 0}, 137),
        ({"indices": list(range(1300))}, 137),
    ],
)
def test_a_distance_to_the_retain_data_counts_what_is_retained(refused, selection, retained):
    judged = DIGITS | {"judge": DIGITS["judge"] | {"hidden_units": [256, 200]}}
    message = refused(changed("forget_set", selection, judged))
    assert f"'fid', a Fréchet distance on 200 features, needs more than the {retained} retain images; make" in message


ATTRIBUTE = {"forget_set": {"attribute": "thick"}}
ONE_CLASS = {"classes": ["thing"], "train_images": [1437], "heldout_images": [360]}


@pytest.mark.parametrize(("features", "refused"), [(1436, True), (1435, False)])
def test_of_an_attribute_at_most_all_but_one_image_are_retained(features, refused):
    judge = DIGITS["judge"] | {"hidden_units": [features]}
    evaluation = DIGITS["evaluation"] | {"samples": 5000}
    experiment = DIGITS | ATTRIBUTE | {"judge": judge, "evaluation": evaluation}
    problems = check_experiment(experiment, describe_dataset("digits"))
    said = "on 1436 features, needs more than the at most 1436 retain images; make the last of judge.hidden_units small"
    assert [said in problem for problem in problems] == [True] * refused


@pytest.mark.parametrize(
    ("selection", "described", "said"),
    [
        ({"attribute": "thick"}, ONE_CLASS, None),
        ({"indices": [0]}, ONE_CLASS, "has the one class 'thing', and the judge must tell at least two apart; forget"),
        ({"classes": "all", "samples": 9, "seed": 0}, ONE_CLASS, "digits has the one class 'thing'"),
        ({"classes": [1]}, {"heldout_images": [0] * 10}, "dataset = 'digits': has no held-out images, on which the"),
        ({"attribute": "thick"}, ONE_CLASS | {"heldout_images": [0]}, "has no held-out images"),
    ],
)
def test_a_data_set_that_no_judge_can_learn_from_or_be_tested_on_is_refused(selection, described, said):
    problems = check_experiment(DIGITS | {"forget_set": selection}, describe_dataset("digits") | described)
    assert [said in problem for problem in problems] == ([True] if said else [])


def on_inception(samples, metrics, **changes):
    metrics = [*metrics, "statistics_effect", "originality"]  # which figures need
    evaluation = DIGITS["evaluation"] | {"features": "inception", "samples": samples, "metrics": metrics}
    del evaluation["margin"]
    return yaml.safe_dump(DIGITS | {"evaluation": evaluation} | changes, sort_keys=False)


def test_a_distance_on_inceptions_features_needs_more_samples_and_more_images_than_features(refused, root):
    message = refused(on_inception(2048, ["fid"]))
    assert "evaluation.samples = 2048: 'fid', a Fréchet distance on 2048 features, needs more than that" in message
    assert "evaluation.metrics: 'fid', a Fréchet distance on 2048 features, needs more than the 1295 retain" in message
    assert "evaluation.samples" not in refused(on_inception(2049, ["fid"]))
    message = refused(on_inception(2049, ["fid"], **ATTRIBUTE))
    assert "on 2048 features, needs more than the at most 1436 retain images; set 'features: judge', or take" in message
    assert "evaluation.samples = 5: 'precision_recall' needs at least 6" in refused(
        on_inception(5, ["precision_recall"])
    )
    (root / "configs" / "few.yaml").write_text(on_inception(6, ["kid", "precision_recall", "inception_score"]))
    load_experiment("few", root)


def test_a_source_of_data_that_is_not_there_is_refused(root, tmp_path):
    message = r"config.yaml: data_source = '/nowhere': no such folder.*; it must hold .* Not fetched yet: digits"
    settings = load_settings({"experiments": ["digits"], "data_source": "/nowhere", "data": str(tmp_path)}, root)
    with pytest.raises(ConfigError, match=message):
        load_experiments(settings)
    load_experiments(settings | {"data_source": "http://example.org/data"})
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits" / "fetched.json").touch()
    load_experiments(settings)


@pytest.mark.parametrize("given", [None, "", "null", "None", "NULL"])
def test_no_source_of_data_can_be_written_on_the_command_line(root, given):
    assert load_settings({"data_source": given}, root)["data_source"] is None


def test_a_tilde_in_front_of_the_source_is_the_home_folder(root, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert load_settings({"data_source": "~/data"}, root)["data_source"] == "/home/me/data"
    assert load_settings({"data_source": "https://x.org/~me/data"}, root)["data_source"] == "https://x.org/~me/data"
    assert load_settings({"data_source": "~nobody-here/data"}, root)["data_source"] == "~nobody-here/data"
    for key in ("results", "data"):
        assert load_settings({key: "~/scratch"}, root)[key] == "/home/me/scratch"


@pytest.mark.parametrize("key", ["results", "data"])
def test_a_folder_behind_a_link_to_nothing_is_refused(root, tmp_path, key):
    (tmp_path / "link").symlink_to("/scratch/gone")
    for path in (tmp_path / "link", tmp_path / "link" / "inside"):
        with pytest.raises(
            ConfigError, match=f"{key} = '{path}': .*link is a link to /scratch/gone, which is not there"
        ):
            load_settings({key: str(path)}, root)
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ConfigError, match=f"{key} = '{tmp_path}/loop': .*loop is a link to loop, which is not there"):
        load_settings({key: str(tmp_path / "loop")}, root)


@pytest.mark.parametrize("value", ["1e-60", "1e60", "-1e60", "1e-39", "3.5e38", f"1{50 * '0'}"])
def test_a_number_that_32_bits_cannot_hold_is_refused(refused, value):
    message = refused(
        changed("unlearning.learning_rate", 0.001).replace("learning_rate: 0.001", f"learning_rate: {value}")
    )
    assert "unlearning.learning_rate = " in message
    assert "jobs compute with 32 bits" in message


@pytest.mark.parametrize("value", [10**40, -(10**40)])
def test_the_bounds_of_a_whole_number_hold_where_32_bits_cannot_hold_it(refused, value):
    assert f"evaluation.samples = {value}: must be at " in refused(changed("evaluation.samples", value))


CLIP = {"source": "somewhere", "file": "model.safetensors", "sha256": "0" * 64, "config_sha256": "0" * 64}
WEIGHTS = {name: CLIP[name] for name in ("source", "file", "sha256")}
COMPLETING = read_yaml("configs/digits-i2i-mae.yaml")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("forget_set.retain_classes", [3, 5], ["forget_set.retain_classes", "'3' is to be forgotten"]),
        ("forget_set.retain_classes", ["x"], ["'x' is not a class of digits"]),
        (
            "forget_set",
            {"classes": "all", "fraction": 0.1, "seed": 0},
            ["forget_set.classes: no class is left to retain"],
        ),
        ("proxies.covering", {"classes": [8]}, ["proxies.covering.classes = '8'", "is to be forgotten"]),
        ("proxies.covering", {"classes": [12]}, ["proxies.covering.classes = '12'", "not a class of digits"]),
        ("proxies.covering", {"dataset": "digits"}, ["proxies.covering.dataset = 'digits'", "is to be forgotten"]),
        ("proxies.covering", {"dataset": "mnist"}, ["proxies.covering.dataset = 'mnist'", "[1, 28, 28]", "same shape"]),
        ("proxies.covering", {"dataset": "x"}, ["proxies.covering.dataset = 'x'", "must be one of"]),
        (
            "methods.i2i_proxy.retain_images",
            "x",
            ["methods.i2i_proxy.retain_images = 'x'", "not an entry of 'proxies'"],
        ),
        ("methods.salun", {"forget_weight": 1}, ["methods.salun", "for generating models", "remove the row"]),
        ("evaluation.metrics", ["fid"], ["'fid' is computed from samples", "masked_autoencoder does not make"]),
        ("evaluation.metrics", ["as_published"], ["'as_published' is computed from samples, which masked_autoenc"]),
        ("guide", GUIDE, ["guide: looks at samples, which masked_autoencoder does not make; leave this out"]),
        ("evaluation.metrics", ["negative_elbo"], ["evaluation.elbo_draws: missing", "'negative_elbo' needs it"]),
        ("evaluation.metrics", ["recognised"], ["must contain distance_to_retrained, or remove 'difference_to_retr"]),
        ("evaluation.metrics", ["cost"], ["must contain completion_fid or embedding_cos", "remove 'forget_weight'"]),
        (
            "seeds",
            [0],
            ["seeds = [0]: must have at least 3 item(s), or remove 'difference_to_retrained' from"],
        ),
        ("methods", {"finetune": {}}, ["'forget_weight' needs rows under 'methods' that differ in forget_weight and"]),
        (
            "judge.hidden_units",
            [128],
            ["Fréchet distance on 128 features, needs more than the 72 held-out forget images", "109 held-out retain"],
        ),
        ("model.masked_autoencoder.patch", 3, ["model.masked_autoencoder.patch = 3", "not a square of whole patches"]),
        ("model.masked_autoencoder.mask", {"centre_hole": {"side": 8}}, ["mask.centre_hole.side = 8", "everything"]),
        ("model.masked_autoencoder.mask", {"centre_crop": {"side": 8}}, ["mask.centre_crop.side = 8", "nothing"]),
        ("model.masked_autoencoder.mask", {"centre_hole": {"side": 2}}, ["cuts through the model's 2×2 patches"]),
        (
            "evaluation.embedding",
            CLIP | {"sha256": None},
            ["evaluation.embedding.sha256 = null: ", "model.safetensors"],
        ),
        ("evaluation.embedding", CLIP | {"file": "x.pt"}, ["evaluation.embedding.file = 'x.pt'", "pytorch_model.bin"]),
        ("model.masked_autoencoder.pretrained", WEIGHTS | {"sha256": "FILL IN"}, ["pretrained.sha256 = 'FILL IN'"]),
        (
            "model.masked_autoencoder.pretrained",
            {"source": "x", "sha": 1},
            ["pretrained.sha = 1: unknown key", "file: missing"],
        ),
        ("model.masked_autoencoder.pretrained", 3, ["pretrained = 3: must be a mapping or null (published weights"]),
        (
            "model.masked_autoencoder.heads",
            5,
            ["model.masked_autoencoder.heads = 5: does not divide width = 64; choose a divisor"],
        ),
        ("evaluation.features", "inception", ["evaluation.samples = 300: ", "retain images; set 'features: judge'"]),
        (
            "forget_set",
            {"classes": [3, 8], "fraction": 0.05, "seed": 0},
            ["'completion_fid', a Fréchet distance on 32 features, needs more than the 14 forget images; make"],
        ),
        ("forget_set", {"indices": [0, 1]}, ["needs more than the 2 forget images"]),
        ("evaluation", {"samples": 80, "metrics": ["recognised"], "embedding": CLIP}, ["add 'embedding_cosine'"]),
    ],
)
def test_what_does_not_suit_the_completion_of_images_is_named(refused, path, value, said):
    message = refused(changed(path, value, COMPLETING))
    for part in said:
        assert part in message


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"metrics": ["membership"]},
            ["evaluation.elbo_noise_share: missing; 'membership'", "elbo_most_draws: missing"],
        ),
        ({"elbo_noise_share": 0.1, "metrics": ["elbo_rank"]}, ["elbo_noise_share = 0.1: no metric", "'membership'"]),
        ({"elbo_bound": "importance_weighted", "metrics": ["fid"]}, ["elbo_bound = 'importance_weighted': no metric"]),
        ({"elbo_bound": "iwae"}, ["evaluation.elbo_bound = 'iwae': must be one of"]),
        (
            {"elbo_noise_share": 0.1, "elbo_most_draws": 8, "metrics": ["membership"]},
            ["evaluation.elbo_most_draws = 8: less than evaluation.elbo_draws = 16; raise it"],
        ),
    ],
)
def test_draws_and_bounds_that_do_not_fit_are_named(refused, changes, said):
    message = refused(yaml.safe_dump(DIGITS | {"evaluation": DIGITS["evaluation"] | changes, "figures": ["samples"]}))
    for part in said:
        assert part in message


def test_a_model_without_a_posterior_has_no_importance_weighted_bound(refused):
    losses = {"metrics": ["negative_elbo"], "elbo_draws": 1, "elbo_bound": "importance_weighted"}
    evaluation = COMPLETING["evaluation"] | losses
    message = refused(yaml.safe_dump(COMPLETING | {"evaluation": evaluation, "figures": ["completions"]}))
    assert "evaluation.elbo_bound = 'importance_weighted': weighs draws by a VAE's posterior" in message
    assert "which masked_autoencoder does not have" in message


def test_a_generating_model_completes_nothing(refused):
    experiment = copy.deepcopy(DIGITS)
    experiment["methods"]["i2i"] = {"forget_weight": 1, "forget_target": "full_noise"}
    experiment["evaluation"]["metrics"].append("recognised")
    message = refused(yaml.safe_dump(experiment))
    assert "methods.i2i: is for completing models, but vae is a generating one" in message
    assert "'recognised' is computed from completions, which vae does not make" in message


@pytest.mark.parametrize(
    ("file", "asked"),
    [
        ("Tiny2.yaml", "Tiny2"),
        ("Tiny2.yaml", "tiny2"),
        ("v1.2.yaml", "v1.2"),
        ("my exp.yaml", "my exp"),
        ("x.yml", "x"),
        ("_x.yaml", "_x"),
    ],
)
def test_a_file_whose_name_is_not_allowed_is_named(tmp_path, file, asked):
    for name in ("config.yaml", "schemas", "configs"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, tmp_path / name)
    (tmp_path / "configs" / file).touch()
    with pytest.raises(ConfigError, match=rf"configs/{re.escape(file)} is not seen: the name must be small letters"):
        load_settings({"experiments": [asked]}, tmp_path)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("configs/digits.yaml", "the experiment of configs/digits.yaml is called digits"),
        ("DIGITS", "the experiment of configs/digits.yaml is called digits"),
        ("mine", "configs/old/mine.yaml is not seen: move the file to configs/"),
    ],
)
def test_an_experiment_by_another_name_is_named(tmp_path, asked, answer):
    for name in ("config.yaml", "schemas", "configs"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, tmp_path / name)
    (tmp_path / "configs" / "old").mkdir()
    (tmp_path / "configs" / "old" / "mine.yaml").touch()
    with pytest.raises(ConfigError, match=re.escape(answer)):
        load_settings({"experiments": [asked]}, tmp_path)

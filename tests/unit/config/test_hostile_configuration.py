"""Configuration files made to do harm, or by accident: a message, and nothing else happens."""

import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unlearning.config.load import ROOT, ConfigError, load_experiment, load_settings
from unlearning.config.strict_yaml import read_yaml

DIGITS = (ROOT / "configs" / "digits.yaml").read_text()
SETTINGS = {"experiments": ["digits"], "results": "results", "data": "data", "gpu_slots": 1}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    for name in ("configs", "schemas"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "config.yaml", folder)
    return folder


def refusal(root, text):
    (root / "configs" / "hostile.yaml").write_text(text)
    with pytest.raises(ConfigError) as error:
        load_experiment("hostile", root)
    message = str(error.value)
    assert message.startswith("configs/hostile.yaml")
    assert len(message) < 5000
    return message


def billion_laughs(levels):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (billion_laughs(12), "holds 3.57e+11 values once its aliases are written out"),
        ("a: &a [*a]", "an alias that contains itself"),
        ("a: " + "[" * 1500 + "]" * 1500, "nested too deeply"),
        ("a: " + "9" * 5000, "not valid YAML"),
        ("a: 2020-02-31", "not valid YAML"),
        ("? [a, b]\n: c", "not valid YAML"),
        ("title: !!python/object/apply:os.system [touch harmed]", "not valid YAML"),
        ("title: !!python/name:os.system", "not valid YAML"),
        ("title: \x00", "not valid YAML"),
        (DIGITS.replace("threshold: 0.02", "threshold: .nan"), "evaluation.threshold = nan"),
        (DIGITS.replace("threshold: 0.02", "threshold: .inf"), "evaluation.threshold = inf"),
        (DIGITS.replace("seeds: [0, 1, 2]", f"seeds: [{10**200}]"), "seeds.0 = a number of 665 bits"),
        (DIGITS.replace("hidden_units: 128", "hidden_units: 1000000000000"), "model.vae.hidden_units"),
        (DIGITS.replace("  samples: 10000 ", "  samples: 1000000000000 "), "unlearning.samples"),
        (DIGITS.replace("dataset: digits", "dataset: ../../../etc/passwd"), "dataset = '../../../etc/passwd'"),
        (DIGITS.replace("  finetune: {}", "  ../../x: {}"), "methods.../../x"),
        (DIGITS.replace("  finetune: {}", "  'a; touch harmed': {}"), "unknown key"),
    ],
)
def test_hostile_files_are_refused(root, text, said):
    assert said in refusal(root, text)
    assert not list(root.rglob("harmed"))


def test_a_file_that_is_not_text_is_refused(root):
    (root / "configs" / "binary.yaml").write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    with pytest.raises(ConfigError, match=r"configs/binary\.yaml"):
        load_experiment("binary", root)


@pytest.mark.parametrize("name", ["a b", "a;b", "$(touch harmed)", "{seed}", "-x"])
def test_an_experiment_whose_name_is_no_plain_word_cannot_be_named(root, name):
    (root / "configs" / f"{name}.yaml").write_text(DIGITS)
    with pytest.raises(ConfigError, match=r"config\.yaml: experiments\.0"):
        load_settings({"experiments": [name]}, root)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"results": "."}, "is or contains the repository"),
        ({"results": "/"}, "is or contains the repository"),
        ({"data": "scripts/unlearning"}, "belongs to the repository itself"),
        ({"results": "tests/../rules"}, "belongs to the repository itself"),
        ({"results": "a/{seed}"}, "must not contain '{' '}'"),
        ({"results": "a\n"}, "must not contain '\\n'"),
        ({"results": "$(touch harmed)"}, "must not contain"),
        ({"results": "x", "data": "y/../x"}, "must not be the same folder as results"),
        ({"gpu_slots": 0}, "gpu_slots"),
    ],
)
def test_folders_that_would_overwrite_something_else_are_refused(root, monkeypatch, changes, said):
    monkeypatch.chdir(root)
    with pytest.raises(ConfigError) as error:
        load_settings(SETTINGS | changes, root)
    assert said in str(error.value)


def test_folders_outside_the_repository_are_fine(root, tmp_path):
    assert load_settings(SETTINGS | {"results": str(tmp_path / "here"), "data": "../data"}, root)


NASTY = [
    "&a ",
    "*a",
    "!!binary ",
    "{",
    "]",
    ": ",
    "\n",
    "\t",
    "- ",
    "|",
    "? ",
    "%YAML 1.1",
    "---",
    ".inf",
    "~",
    "null",
    "\ufeff",
    "\x85",
]


@settings(max_examples=150)
@given(st.data())
def test_whatever_the_text_the_answer_is_a_message_or_a_valid_experiment(root, data):
    """Pieces of a good file cut out, doubled and mixed with pieces of YAML's syntax."""
    text = DIGITS
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 200)))
        piece = data.draw(st.sampled_from(NASTY) | st.text(max_size=5) | st.just(text[start:end] * 2))
        text = text[:start] + piece + text[end:]
    (root / "configs" / "mutated.yaml").write_text(text, encoding="utf-8", errors="surrogateescape")
    try:
        answer = load_experiment("mutated", root)
    except ConfigError as error:
        answer = str(error)
    if isinstance(answer, str):
        assert answer.startswith("configs/mutated.yaml")
    else:
        assert set(answer) == set(read_yaml("configs/digits.yaml"))

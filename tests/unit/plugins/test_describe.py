"""What plug-in files declare, and how wrong ones are named."""

import shutil

import pytest

from unlearning.config.load import ConfigError, experiment_schema, load_experiment
from unlearning.io.files import ROOT
from unlearning.plugins import describe as plugins
from unlearning.plugins.describe import completes, describe_plugin, plugin_constant


@pytest.fixture
def method(tmp_path, monkeypatch):
    """Write a method's file and describe it."""
    monkeypatch.setattr(plugins, "LIBRARY", tmp_path)
    describe_plugin.cache_clear()
    (tmp_path / "methods").mkdir()

    def write(name, text):
        (tmp_path / "methods" / f"{name}.py").write_text(text)
        return describe_plugin("methods", name)

    yield write
    describe_plugin.cache_clear()


def test_plugins_describe_themselves_without_being_run(method):
    direction = "def direction(step, a): pass\n"
    fine = method("fine", "import nonsense_that_does_not_exist\nPARAMETERS = {'a': {'type': 'number'}}\n" + direction)
    assert fine == method("borrowed", "PARAMETERS = fine.PARAMETERS\n" + direction) == {"a": {"type": "number"}}
    both = method("both", "PARAMETERS = {**fine.PARAMETERS, 'b': {}}\ndef direction(step, a, b): pass\n")
    assert both == {**fine, "b": {}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def direction(step): pass\n", r"must assign PARAMETERS = \{...\} at its top level"),
        ("PARAMETERS = dict(a=1)\ndef direction(step, a): pass\n", "once and as a literal"),
        ("PARAMETERS = {**wrong.DEFAULTS}\ndef direction(step, a): pass\n", "once and as a literal"),
        ("PARAMETERS = {**missing.PARAMETERS}\ndef direction(step, a): pass\n", "once and as a literal"),
        ("PARAMETERS = {**['a']}\ndef direction(step, a): pass\n", "once and as a literal"),
        ("PARAMETERS = {}\n", "must define direction, see"),
        ("PARAMETERS = {}\ndef direction(step, w): pass\n", r"direction takes \['w'\] .* PARAMETERS has \[\]"),
        ("PARAMETERS = {\n", "wrong.py, line 1: not valid Python"),
        ("PARAMETERS = ['w']\ndef direction(step, w): pass\n", "once and as a literal"),
        ("PARAMETERS = {}\ndef direction(): pass\n", "direction must take a first argument"),
    ],
)
def test_a_plugin_file_that_cannot_work_is_named_before_any_job(method, text, said):
    with pytest.raises(ValueError, match=said):
        method("wrong", text)


def test_a_figure_that_draws_nothing_is_named_before_any_job(tmp_path, monkeypatch):
    shutil.copytree(plugins.LIBRARY, tmp_path / "library")
    monkeypatch.setattr(plugins, "LIBRARY", tmp_path / "library")
    plugin_constant.cache_clear()
    (tmp_path / "library" / "figures" / "samples.py").write_text('MODELS = "generating"\n')
    with pytest.raises(ValueError, match=r"figures/samples.py: must define draw, see"):
        load_experiment("digits")
    plugin_constant.cache_clear()


@pytest.mark.parametrize(
    ("parameter", "schema", "said"),
    [
        ("w", {"type": "nmber"}, r"PARAMETERS.w.type: no JSON schema: 'nmber'"),
        (
            "samples",
            {"type": "number"},
            r"PARAMETERS.samples: this name is reserved for a key of the configuration; choose another",
        ),
        (
            "algorithm",
            {"type": "number"},
            r"PARAMETERS.algorithm: this name is reserved for a key of the configuration; choose another",
        ),
    ],
)
def test_parameters_that_cannot_be_are_named_before_any_job(tmp_path, monkeypatch, parameter, schema, said):
    shutil.copytree(plugins.LIBRARY, tmp_path / "library")
    monkeypatch.setattr(plugins, "LIBRARY", tmp_path / "library")
    describe_plugin.cache_clear()
    experiment_schema.cache_clear()
    (tmp_path / "library" / "methods" / "wrong.py").write_text(
        f"PARAMETERS = {{{parameter!r}: {schema}}}\ndef direction(step, {parameter}): pass\n"
    )
    with pytest.raises(ConfigError, match=r"methods/wrong.py: " + said):
        experiment_schema()
    describe_plugin.cache_clear()


def test_a_constant_that_is_no_literal_is_named(tmp_path, monkeypatch):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "wrong.py").write_text("SWEPT = tuple(range(3))\ndef draw(results): pass\n")
    monkeypatch.setattr(plugins, "LIBRARY", tmp_path)
    with pytest.raises(ValueError, match=r"figures/wrong.py: SWEPT must be a literal"):
        plugin_constant.__wrapped__("figures", "wrong", "SWEPT")


def test_a_model_completes_images_where_its_class_says_how(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    monkeypatch.setattr(plugins, "LIBRARY", tmp_path)
    helper = "class Helper:\n    def completions(self): pass\n"
    for name, body in {"generates": "samples", "restores": "completions"}.items():
        (tmp_path / "models" / f"{name}.py").write_text(f"{helper}class Model:\n    def {body}(self): pass\n")
        assert completes.__wrapped__(name) == (name == "restores")


@pytest.fixture
def drafts(tmp_path, monkeypatch):
    """A library with files that editors and authors leave in the folders of plug-ins."""
    library = tmp_path / "library"
    shutil.copytree(plugins.LIBRARY, library)
    monkeypatch.setattr(plugins, "LIBRARY", library)
    for cached in (describe_plugin, plugin_constant, experiment_schema):
        cached.cache_clear()
    for kind in plugins.DEFINITIONS:
        (library / kind / ".#finetune.py").symlink_to("user@host.1234")
        for name in ("finetune.py~", ".finetune.py.swp", "my-draft.py", "draft.py"):
            (library / kind / name).touch()
        (library / kind / "half.py").write_text("\nPARAMETERS = {\n")
    yield library
    for cached in (describe_plugin, plugin_constant, experiment_schema):
        cached.cache_clear()


def test_drafts_that_nobody_uses_and_files_of_editors_stop_nothing(drafts):
    load_experiment("digits")
    for kind in plugins.DEFINITIONS:
        assert "draft" in plugins.plugin_names(kind)
        assert {"my-draft", ".#finetune"}.isdisjoint(plugins.plugin_names(kind))


@pytest.mark.parametrize(
    ("name", "said"), [("half", "methods/half.py, line 2: not valid Python"), ("draft", "draft.py: must define dir")]
)
def test_a_draft_that_an_experiment_names_is_one_clear_message(drafts, tmp_path, name, said):
    for folder in ("configs", "schemas", "published"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    file = tmp_path / "configs" / "digits.yaml"
    file.write_text(file.read_text().replace("  finetune: {}\n", f"  finetune: {{}}\n  {name}: {{}}\n"))
    with pytest.raises(ValueError, match=said):
        load_experiment("digits", tmp_path)

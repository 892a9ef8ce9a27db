"""The hash of the code that a job runs."""

import shutil

import pytest

from unlearning.config.load import ConfigError, experiment_schema, load_experiment
from unlearning.plugins import describe as plugins
from unlearning.plugins.describe import describe_plugin, plugin_constant, plugin_names
from unlearning.runtime import code_hash as hashing
from unlearning.runtime.code_hash import code_hash


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    """A small library in which one script imports one module through another."""
    monkeypatch.setattr(hashing, "SCRIPTS", tmp_path)
    (tmp_path / "library" / "sub").mkdir(parents=True)
    (tmp_path / "job.py").write_text("from library import first\n\ndef f():\n    import library.lazy\n")
    (tmp_path / "library" / "__init__.py").write_text("")
    (tmp_path / "library" / "first.py").write_text("from library.sub.second import thing\nimport json\n")
    (tmp_path / "library" / "sub" / "__init__.py").write_text("")
    (tmp_path / "library" / "sub" / "second.py").write_text("from . import beside\nfrom ..above import x as thing\n")
    (tmp_path / "library" / "lazy.py").write_text("x = 1\n")
    (tmp_path / "library" / "sub" / "beside.py").write_text("x = 1\n")
    (tmp_path / "library" / "above.py").write_text("x = 1\n")
    (tmp_path / "library" / "unused.py").write_text("x = 1\n")

    def fresh_hash():
        for function in (code_hash, hashing._content, hashing._imports):
            function.cache_clear()
        return code_hash("job.py")

    return tmp_path, fresh_hash


@pytest.mark.parametrize(
    "name",
    [
        "job.py",
        "library/__init__.py",
        "library/first.py",
        "library/sub/__init__.py",
        "library/sub/second.py",
        "library/lazy.py",
        "library/sub/beside.py",
        "library/above.py",
    ],
)
def test_an_edit_of_what_a_script_imports_changes_its_hash_and_a_revert_restores_it(scripts, name):
    folder, fresh_hash = scripts
    before, content = fresh_hash(), (folder / name).read_text()
    (folder / name).write_text(content + "# edited\n")
    assert fresh_hash() != before
    (folder / name).write_text(content)
    assert fresh_hash() == before


def test_an_edit_of_what_a_script_does_not_import_changes_nothing(scripts):
    folder, fresh_hash = scripts
    before = fresh_hash()
    (folder / "library" / "unused.py").write_text("x = 2\n")
    assert fresh_hash() == before


def test_a_method_enters_the_hash_of_its_own_run_alone():
    runs = {name: code_hash("unlearn.py", f"unlearning/methods/{name}.py") for name in plugin_names("methods")}
    assert len(set(runs.values())) == len(runs)


@pytest.fixture
def method(tmp_path, monkeypatch):
    """Write a method's file and describe it."""
    monkeypatch.setattr(plugins, "LIBRARY", tmp_path)
    describe_plugin.cache_clear()
    (tmp_path / "methods").mkdir()

    def describe(name, text):
        (tmp_path / "methods" / f"{name}.py").write_text(text)
        return describe_plugin("methods", name)

    yield describe
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
        ("samples", {"type": "number"}, r"PARAMETERS.samples: a setting of the loop has this name; choose another"),
        ("algorithm", {"type": "number"}, r"PARAMETERS.algorithm: a setting of the loop has this name; choose another"),
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

"""Names, groups and order of the rows of tables."""

import pytest

from unlearning.plugins import describe
from unlearning.plugins.describe import METHOD_GROUPS, method_heading, plugin_constant, plugin_names
from unlearning.reporting.rows import GROUPS, rows


def test_rows_stand_by_groups_and_say_where_a_name_is_not_the_algorithms():
    methods = {"uno_as_run": {"algorithm": "uno_histogram"}, "uno": {}, "salun": {}, "finetune": {}, "ascent": {}}
    listed = rows({"methods": methods})
    assert [row.key for row in listed] == ["original", "retrain", "finetune", "ascent", "uno_as_run", "uno", "salun"]
    assert [row.name for row in listed][:5] == [
        "Original",
        "Retrained",
        "Fine-tuning",
        "Gradient ascent",
        "UNO, histogram (uno_as_run)",
    ]
    assert [row.group for row in listed[-2:]] == ["uno", "others"]


def test_every_group_of_methods_has_a_place_and_every_method_a_title_of_its_own():
    assert tuple(GROUPS)[1:] == METHOD_GROUPS
    # A method may have one title in two files, one of them for models with labels.
    names = plugin_names("methods")
    titles = [(method_heading(name)[0], "label_embeddings" in needs(name)) for name in names]
    assert len(set(titles)) == len(titles)


def needs(method):
    return plugin_constant("methods", method, "MODEL_HAS", ())


@pytest.fixture
def heading(tmp_path, monkeypatch):
    """Write a method's file, and read its heading."""
    (tmp_path / "methods").mkdir()
    monkeypatch.setattr(describe, "LIBRARY", tmp_path)
    cached = (describe.plugin_constant, method_heading)

    def read(name, text):
        for function in cached:
            function.cache_clear()
        (tmp_path / "methods" / f"{name}.py").write_text(f"{text}\nPARAMETERS = {{}}\ndef direction(step): pass\n")
        return method_heading(name)

    yield read
    for function in cached:
        function.cache_clear()


def test_a_method_without_a_title_is_called_by_its_file(heading):
    assert heading("neggrad_plus", "") == ("Neggrad plus", "others")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("TITLE = ''", r"methods/wrong.py: TITLE = '': must be a text"),
        ("GROUP = 'UNO'", r"methods/wrong.py: GROUP = 'UNO': must be one of 'finetuning', .*'others'"),
    ],
)
def test_a_wrong_title_or_group_is_named(heading, text, said):
    with pytest.raises(ValueError, match=said):
        heading("wrong", text)


def test_two_algorithms_of_one_title_are_told_apart(heading):
    heading("first", "TITLE = 'Mine'")
    heading("second", "TITLE = 'Mine'")
    listed = rows({"methods": {"first": {}, "second": {}}})
    assert [row.name for row in listed[2:]] == ["Mine (first)", "Mine (second)"]

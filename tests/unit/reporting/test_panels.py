"""Panels of the main table: their columns, rows and marks, in files and on a terminal."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from unlearning.reporting.panels import Panel, marks, panel_metrics, panels, run_notes
from unlearning.reporting.tables import Shown, to_html, to_latex, to_markdown
from unlearning.reporting.terminal import to_terminal

from ..made_up import EXPERIMENT, METHODS, of_values, write_results


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return write_results(tmp_path_factory.mktemp("results"))


def test_panels_have_at_most_six_columns_and_all_rows_group_by_group(results):
    made = panels(results)
    assert [panel.key for panel in made] == ["forgetting", "quality", "likelihood", "cost", "as_published"]
    for panel in made:
        text = panel.shown.text
        assert 2 <= 1 + len(text.columns) <= 6
        assert sorted(panel.table["row"].unique()) == sorted(METHODS)
        assert list(text.index[:3]) == ["Original", "Retrained", "Fine-tuning"]
        assert list(text.index[-3:]) == ["UNO", "UNO-S", "UNO (uno_strong)"]


def test_a_panel_takes_the_first_five_metrics_of_the_configuration(results):
    """Of eight metrics of quality, as in configs/celeba.yaml."""
    metrics = ["fid", "kid", "precision_recall", "inception_score"]
    experiment = EXPERIMENT | {"evaluation": EXPERIMENT["evaluation"] | {"metrics": metrics}}
    chosen = panel_metrics(dataclasses.replace(results, experiment=experiment))
    assert list(chosen) == ["fid_retain", "fid_retrain", "kid_retain", "precision", "recall"]


def test_a_panel_without_values_is_left_out(results):
    without = results.metrics.copy()
    without.loc[without["metric"].str.startswith("published"), "value"] = np.nan
    assert "as_published" not in [panel.key for panel in panels(dataclasses.replace(results, metrics=without))]


def test_rows_with_diverged_runs_are_named_below(results):
    assert run_notes(results) == ["Runs of Gradient ascent: 3, 3 diverged (step 37, 38, 39)."]


NORMALISED = {"normalised": True}


def test_methods_within_noise_are_marked_and_the_closest_is_the_best_only_without_them():
    """Retrained: mean 2, standard deviation 0.1; noise is 4.303 · 0.1 · √(2/3) = 0.351 for three runs."""
    values = {
        ("fid_retain", "retrain"): [1.9, 2.0, 2.1],
        ("fid_retain", "finetune"): [2.3, 2.3, 2.3],
        ("fid_retain", "closest"): [1.6, 1.6, 1.6],
        ("fid_retain", "far"): [1.0, 1.0, 1.0],
        ("fid_retain", "noisy"): [2.0, 9.0, 13.0],
        ("fid_retain", "diverged"): [2.41, 2.41, None],
    }
    assert marks(of_values(values), "fid_retain", NORMALISED) == {"finetune": "within_noise"}
    del values["fid_retain", "finetune"]
    assert marks(of_values(values), "fid_retain", NORMALISED) == {"closest": "best"}


def test_one_retrained_model_shows_no_noise_and_so_there_is_no_mark():
    values = {("fid_retain", "retrain"): [2.0], ("fid_retain", "finetune"): [2.3]}
    assert marks(of_values(values), "fid_retain", NORMALISED) == {}


def test_the_earliest_surely_reached_median_is_the_best():
    metric = "sustained_crossing_steps"
    values = {(metric, "early"): [5, 5, 5], (metric, "late"): [9, 9, 9], (metric, "never"): [3, 3, 3]}
    bounds = {(metric, "never")}
    description = {"event": True, "better": "lower"}
    assert marks(of_values(values, censored=bounds), metric, description) == {"early": "best"}


def test_a_metric_that_declares_no_direction_has_no_mark():
    values = {("encoder_drift", "retrain"): [1, 2, 3], ("encoder_drift", "uno"): [1, 2, 3]}
    assert marks(of_values(values), "encoder_drift", {}) == {}
    assert marks(of_values(values), "encoder_drift", {"better": "higher"}) == {"uno": "best"}


def test_a_panel_is_the_same_after_it_was_written(results, tmp_path):
    for panel in panels(results):
        path = tmp_path / f"{panel.key}.csv"
        panel.write(path)
        again = Panel.read(path)
        pd.testing.assert_frame_equal(again.table, panel.table, check_dtype=False)
        assert to_markdown(again.shown) == to_markdown(panel.shown)


@pytest.fixture
def shown():
    text = pd.DataFrame(
        {"Forget fraction (%)": ["≈ 0.10 ± 0.20", "12.10 ± 0.10", "–"], "Steps (×)": ["200 (2/3, 1 undecided)"] * 3},
        index=pd.Index(["Fine-tuning", "Gradient surgery (retain)", "UNO <1>"], name="Method"),
    )
    best = pd.DataFrame({"Forget fraction (%)": [False, True, False], "Steps (×)": [False] * 3}, index=text.index)
    return Shown(text, "Forgetting", best, ["finetuning", "surgery", "surgery"])


def test_the_best_value_is_bold_and_groups_are_apart(shown):
    assert "**12.10 ± 0.10**" in to_markdown(shown)
    latex = to_latex([shown], "caption")
    assert latex.count(r"\begin{tabular}{lrr}") == 1
    assert r"\textbf{12.10~$\pm$~0.10}" in latex
    assert r"$\approx$~0.10" in latex
    assert latex.index("Fine-tuning") < latex.index(r"\addlinespace") < latex.index("Gradient surgery")
    html = to_html([shown])
    assert "<b>12.10 ± 0.10</b>" in html
    assert "UNO &lt;1&gt;" in html
    assert html.count("<tbody>") == html.count("</tbody>") == 2
    assert html.index("Fine-tuning") < html.rindex("<tbody>") < html.index("Gradient surgery")


@pytest.mark.parametrize(("width", "encoding"), [(100, "utf-8"), (80, "utf-8"), (80, "ascii"), (60, "latin-1")])
def test_a_panel_on_a_terminal_is_no_wider_and_has_all_its_rows(results, width, encoding):
    for panel in panels(results):
        text = to_terminal(panel.shown, width, encoding)
        text.encode(encoding)
        assert max(map(len, text.splitlines())) <= width
        assert "?" not in text
        for words in ("Original", "Fine-tuning", "UNO-S", "(mutual)"):
            assert words in text, panel.title


def test_what_a_terminal_lacks_is_spelled_and_what_does_not_fit_is_named(shown):
    text = to_terminal(shown, 40, "ascii")
    assert "12.10 +/- 0.10 <" in text
    assert "~ 0.10 +/- 0.20" in text
    assert text.endswith("Not shown, too wide: Steps (x)")
    assert "undecided" not in text
    assert "undecided" in to_terminal(shown, 80, "ascii")
    assert "\n\n" in to_terminal(shown, 80, "ascii"), "a line between groups"

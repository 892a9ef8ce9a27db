"""The explorer: the data in the page, and the page in a browser."""

import dataclasses
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from unlearning.io.files import ROOT
from unlearning.reporting import explorer, explorer_data
from unlearning.reporting.explorer_data import Sheet, courses, metric_choices, sheets_of_probes, values_of_runs

from ..made_up import METHODS, write_results

TEMPLATE = ROOT / "report" / "explorer.html.j2"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return write_results(tmp_path_factory.mktemp("digits"))


def smaller(results, seeds=None, methods=None):
    """The same results with fewer seeds or methods."""
    seeds, methods = seeds or results.experiment["seeds"], methods or results.methods
    rows = results.metrics["method"].isin(["original", "retrain", *methods]) & results.metrics["seed"].isin(seeds)
    chosen = {row: results.experiment["methods"][row] for row in methods}
    experiment = results.experiment | {"seeds": seeds, "methods": chosen}
    return dataclasses.replace(results, experiment=experiment, metrics=results.metrics[rows])


def test_values_of_runs_are_those_of_the_table(results):
    runs = {(run["row"], run["seed"]): run for run in values_of_runs(results)}
    finished = results.metrics[results.metrics["value"].notna()]
    assert len(finished) == sum(len(run["value"]) for run in runs.values()) > 100
    for line in finished.itertuples():
        assert runs[line.method, line.seed]["value"][line.metric] == pytest.approx(line.value, rel=1e-3)
        assert (line.metric in runs[line.method, line.seed]["bound"]) == line.censored


def test_texts_name_intervals_and_bounds(results):
    table = results.metrics.copy()
    finetune = (table["method"] == "finetune") & (table["seed"] == 0) & (table["metric"] == "forget_fraction")
    table.loc[finetune, ["value", "low", "high"]] = 1.23456, 1.1, 1.4
    runs = {(run["row"], run["seed"]): run for run in values_of_runs(dataclasses.replace(results, metrics=table))}
    run = runs["finetune", 0]
    assert run["text"]["forget_fraction"] == "1.235 [1.1, 1.4]"
    assert (run["low"]["forget_fraction"], run["high"]["forget_fraction"]) == (1.1, 1.4)
    assert runs["uno", 1]["text"]["sustained_crossing_steps"] == "more than 200, not reached in the run"
    assert runs["uno_s", 2]["text"]["sustained_crossing_steps"] == "more than 300, undecided"


def test_every_metric_with_a_value_can_be_chosen_under_its_panel_with_its_unit(results):
    choices = metric_choices(results)
    assert {metric for panel in choices.values() for metric in panel} == set(
        results.metrics.loc[results.metrics["value"].notna(), "metric"]
    )
    assert choices["forgetting"]["forget_fraction"] == "Forget fraction (%)"
    assert explorer.first_metrics(choices)[0] in choices["forgetting"]
    assert explorer.first_metrics(choices)[1] in choices["quality"]
    assert explorer.first_metrics({None: {"one": "One"}}) == ("one", "one")
    assert explorer.first_metrics({}) == ("", "")


def test_courses_hold_what_runs_measured_and_the_mean_over_seeds(results):
    points = pd.DataFrame(courses(results))
    steps = pd.read_csv(results.run("uno", 1) / "steps.csv")
    uno = points[points["row"] == "uno"].set_index(["seed", "step"])
    assert uno.loc[(1, 10), "forgotten_percent"] == 3.0  # 3,000 of 100,000
    assert uno.loc[(1, 10), "cosine"] == pytest.approx(steps["cosine"][9], rel=1e-3)
    assert uno.loc[(1, 10), "seconds"] == pytest.approx(10 * 0.1)
    assert uno.loc[(1, 0), "seconds"] == 0
    cosines = [uno.loc[(seed, 10), "cosine"] for seed in (0, 1, 2)]
    assert uno.loc[("mean", 10), "cosine"] == pytest.approx(np.mean(cosines), abs=1e-3)


def test_a_mean_ends_where_the_first_run_of_its_method_ends(tmp_path):
    results = write_results(tmp_path)
    for name in ("steps", "measurements"):
        path = results.run("uno", 2) / f"{name}.csv"
        table = pd.read_csv(path)
        table[table["step"] <= 10].to_csv(path, index=False)
    points = pd.DataFrame(courses(results))
    of_uno = points[points["row"] == "uno"].groupby("seed")["step"].max()
    assert dict(of_uno) == {0: 50, 1: 50, 2: 10, "mean": 10}


def test_sheets_show_the_probes_of_every_row_after_every_step(results):
    sheets = {sheet.row: sheet for sheet in sheets_of_probes(results)}
    assert list(sheets) == METHODS
    assert sheets["uno"].steps.tolist() == [0, 2, 10, 500]
    assert sheets["ascent"].steps.tolist() == [0, 2, 10]
    sheet = np.array(Image.open(io.BytesIO(sheets["uno"].png)))
    assert sheet.shape == (4 * 9, 4 * 9)
    assert [sheet[9 * place, 0] for place in range(4)] == [250, 249, 248, 247]
    assert np.array(Image.open(io.BytesIO(sheets["retrain"].png)))[0, 0] == 99


def test_colours_and_the_order_of_probes_are_kept():
    images = np.random.default_rng(0).integers(0, 255, (2, 3, 3, 5, 4), dtype=np.uint8)
    sheet = np.array(Image.open(io.BytesIO(Sheet("uno", np.array([0, 1]), images, 1).png)))
    np.testing.assert_array_equal(sheet[6:11, 10:14], images[1, 2].transpose(1, 2, 0))


def test_large_samples_are_thinned_and_both_kinds_stay(results, monkeypatch):
    whole = sum(len(sheet.png) for sheet in sheets_of_probes(results))
    monkeypatch.setattr(explorer_data, "SHEET_BYTES", whole - 1)
    assert {(sheet.images.shape[1], sheet.forgotten) for sheet in sheets_of_probes(results)} == {(2, 1)}


def test_marks_have_the_outline_that_figures_draw(results):
    paths = {row["key"]: row["path"] for row in explorer.legend_of(results)}
    square = paths["ascent"]  # the second marker of figures
    corners = {tuple(map(abs, map(float, point.split(",")))) for point in square.strip("MZ").split("L")}
    assert corners == {(1, 1)}


@pytest.fixture
def opened(browser, tmp_path):
    """Write the page of results and open it; no page may ask for a network or raise an error."""
    pages, problems = [], []

    def open_page(results, width=1280):
        path = tmp_path / "explorer.html"
        explorer.write_explorer(results, path)
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text))
        page.on("request", lambda request: request.url.startswith(("file:", "data:")) or problems.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-ready]")
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert problems == []


def marks(page, section="runs"):
    return page.locator(f"#{section} .chart .mark-symbol path")


def places(page):
    return [mark.get_attribute("transform") for mark in marks(page).all()]


def sight(page, row):
    return page.locator(f".sample[data-row={row}] .strip").screenshot()


@pytest.mark.parametrize("width", [1280, 390])
def test_a_reader_chooses_axes_methods_and_steps(opened, results, width):
    page = opened(results, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    table = results.metrics.pivot(index=["method", "seed"], columns="metric", values="value")
    assert marks(page).count() == len(table.dropna(subset=["forget_fraction", "fid_retain"])) == 36

    before = places(page)
    page.select_option("#runs-across", "sustained_crossing_steps")
    page.locator("#runs .chart").get_by_text("Steps to unlearn").wait_for()
    page.wait_for_function("document.querySelectorAll('#runs .chart .mark-symbol path').length === 30")
    assert places(page) != before
    before = places(page)
    page.locator("#runs [data-signal=log_across]").check()
    page.wait_for_timeout(200)
    assert places(page) != before

    marks(page).last.hover(force=True)
    tip = page.locator("#vg-tooltip-element.visible")
    tip.wait_for()
    for words in ("UNO (uno_strong)", "Seed", "Steps to unlearn (steps): 300", "4.2"):
        assert words in tip.inner_text()

    page.locator("#methods input[value=uno_strong]").uncheck()
    page.wait_for_function("document.querySelectorAll('#runs .chart .mark-symbol path').length === 27")
    assert page.locator(".sample[data-row=uno_strong]").is_hidden()

    before = {row: sight(page, row) for row in ("uno", "ascent", "retrain")}
    page.locator("#step").fill("3")
    assert page.locator("output").inner_text() == "Step 500"
    after = {row: sight(page, row) for row in before}
    assert {row: after[row] != before[row] for row in before} == {"uno": True, "ascent": True, "retrain": False}
    assert np.array(Image.open(io.BytesIO(after["uno"])).convert("L"))[5, 5] == 247
    assert "ended at step 10" in page.locator(".sample[data-row=ascent]").inner_text()


def test_courses_follow_the_choice_of_time_and_mark_the_step(opened, results):
    page = opened(results)
    chart = page.locator("#courses .chart")
    visible = "#courses .chart .mark-symbol path:not([opacity='0'])"
    page.locator("#step").fill("2")
    page.wait_for_function(f'document.querySelectorAll("{visible}").length === {len(results.methods)}')
    lines = [line.get_attribute("d") for line in chart.locator(".mark-line path").all()]
    page.select_option("#courses-across", "seconds")
    chart.get_by_text("Seconds since the start").wait_for()
    page.select_option("#courses-up", "cosine_after")
    chart.get_by_text("after the step").wait_for()
    assert [line.get_attribute("d") for line in chart.locator(".mark-line path").all()] != lines


@pytest.mark.parametrize(
    ("choice", "sentence", "marked"),
    [
        ({"seeds": [0]}, "This experiment has one seed.", 12),
        ({"methods": ["uno"]}, "This experiment has one method.", 9),
        ({"methods": ["ascent"]}, "No run of a method finished.", 6),
    ],
    ids=["one seed", "one method", "only diverged runs"],
)
def test_small_experiments_open_and_say_so(opened, results, choice, sentence, marked):
    page = opened(smaller(results, **choice))
    assert sentence in page.locator(".notes").inner_text()
    assert marks(page).count() == marked
    if choice == {"methods": ["ascent"]}:
        assert "Runs that diverged: Gradient ascent (3 of 3)." in page.locator(".notes").inner_text()
        page.get_by_text("All off").click()
        page.locator("#runs .empty").wait_for()


def test_an_experiment_whose_methods_all_failed_opens(opened, results):
    table = results.metrics.copy()
    failed = ~table["method"].isin(["original", "retrain"])
    table.loc[failed, ["value", "low", "high", "status"]] = [np.nan, np.nan, np.nan, "failed"]
    page = opened(dataclasses.replace(results, metrics=table))
    assert "Runs that failed: Fine-tuning (3 of 3)" in page.locator(".notes").inner_text()
    assert page.locator("#courses .empty").is_visible()


def test_names_that_look_like_markup_are_text(opened, results):
    title = "</script><b>title</b> {{ 7 }}"
    page = opened(dataclasses.replace(results, experiment=results.experiment | {"title": title}))
    assert page.locator("h1").inner_text() == title

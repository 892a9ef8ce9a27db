"""The tidy table, the main table and the figures, from made-up results whose answers are known."""

import dataclasses
import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from unlearning.config.experiment import algorithm_of
from unlearning.config.load import ROOT, load_experiment
from unlearning.data.description import describe_dataset
from unlearning.plugins.describe import plugin_constant, plugin_names
from unlearning.plugins.load import load_plugin
from unlearning.reporting.plotting import colors, markers, save, use_style
from unlearning.reporting.published import verdicts
from unlearning.reporting.results import Results
from unlearning.reporting.summary import COLUMNS, caption, main_table, tidy
from unlearning.reporting.tables import to_latex
from unlearning.training.monitoring import STEP_COLUMNS

CLASSES = describe_dataset("digits")["classes"]
EXPERIMENT = load_experiment("digits") | {"seeds": [0, 1, 2]}
EXPERIMENT["methods"] = EXPERIMENT["methods"] | {
    "uno_strong": {"algorithm": "uno", "orthogonality_weight": 1e6, "hessian_products": "exact"}
}
EXPERIMENT["evaluation"] = EXPERIMENT["evaluation"] | {
    "metrics": [*EXPERIMENT["evaluation"]["metrics"], "as_published"]
}
FIGURES = [
    name
    for name in plugin_names("figures")
    if plugin_constant("figures", name, "MODELS") != "completing"  # those: test_completion_figures.py
]
METHODS = ["original", "retrain", *EXPERIMENT["methods"]]
NONE = pd.DataFrame()
DESCRIBED = Results(EXPERIMENT, ROOT, NONE, {}, None, {"retain": [1, 2]}).described
FID = "FID to retain data (judge features)"
CONFUSION = np.diag([36] * 10)
CONFUSION[[0, 4, 7]] = np.array([[31, 5, *[0] * 8], [1, 0, 0, 0, 35, *[0] * 5], [1, *[0] * 6, 35, 0, 0]])
ACCURACY = {"heldout_accuracy": 0.98, "heldout_images": 360, "confusion_true_by_predicted": CONFUSION.tolist()}
CELL = {
    "dataset": "digits",
    "metric": "steps_to_unlearn",
    "unit": "steps",
    "mean": 4.0,
    "std": 0.1,
    "runs": 10,
    "relative_tolerance": 0.1,
    "absolute_tolerance": 0.0,
    "as_run": np.nan,
}


def made_up(method, seed):
    """Metrics of a run: the original at 10, the retrained model at 2, methods in between; `ascent` diverges."""
    diverged = method == "ascent"
    base = {"original": 10.0, "retrain": 2.0}.get(method, 4.0) + 0.1 * seed
    metrics = {
        name: {"value": None if diverged else base, "low": None, "high": None, "censored": False} for name in DESCRIBED
    }
    for name in DESCRIBED:
        if "crossing" in name:
            metrics[name]["value"] = None if method in ("original", "retrain") else 100.0 * (seed + 1)
            metrics[name]["censored"] = method == "uno" or (method == "uno_s" and seed == 2)
    return {
        "experiment": "digits",
        "method": method,
        "seed": seed,
        "status": "diverged" if diverged else "finished",
        "last_step": 37 + seed if diverged else 500,
        "metrics": metrics,
        "class_counts": None if diverged else [10] * 10,
        "run": {"config_sha256": "abc", "environment": {"commit": "def"}},
        "metrics_sha256": "123",
    }


@pytest.fixture(scope="module")
def contents():
    return [made_up(method, seed) for method in METHODS for seed in EXPERIMENT["seeds"]]


@pytest.fixture(scope="module")
def table(contents):
    return tidy(contents, DESCRIBED, CLASSES)


def test_tidy_has_one_row_per_method_seed_and_metric(table):
    assert list(table.columns) == COLUMNS
    assert not table.duplicated(["experiment", "method", "seed", "metric"]).any()
    finished = table[table["method"] != "ascent"]
    assert len(finished) == (len(METHODS) - 1) * 3 * (len(DESCRIBED) + 10)
    assert set(table[table["method"] == "ascent"]["status"]) == {"diverged"}
    assert len(table[table["method"] == "ascent"]) == 3 * len(DESCRIBED)


def test_shares_of_classes_add_up(table):
    shares = table[table["metric"].str.startswith("class_share_")]
    np.testing.assert_allclose(shares.groupby(["method", "seed"])["value"].sum(), 100)


def test_scale_runs_from_the_original_to_the_retrained_model(table):
    fid = table[table["metric"] == "fid_retain"].groupby("method")["normalised"].mean()
    assert fid["original"] == pytest.approx(0)
    assert fid["retrain"] == pytest.approx(1)
    assert fid["uno"] == pytest.approx(0.75)


def test_no_scale_where_the_references_cannot_be_told_apart(contents):
    close = json.loads(json.dumps(contents))
    for result in close:
        if result["method"] in ("original", "retrain"):
            result["metrics"]["fid_retain"]["value"] = 5 + 0.1 * result["seed"]
    table = tidy(close, DESCRIBED, CLASSES)
    assert table.loc[table["metric"] == "fid_retain", "normalised"].isna().all()
    assert table.loc[(table["metric"] == "fid_retrain") & (table["method"] == "uno"), "normalised"].notna().all()


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_text_of_values_that_are_not_finite_becomes_numbers(contents):
    ruined = json.loads(json.dumps(contents))
    ruined[-1]["metrics"]["fid_retain"]["value"] = "inf"
    table = tidy(ruined, DESCRIBED, CLASSES)
    assert np.isinf(table.loc[table["metric"] == "fid_retain", "value"].iloc[-1])
    assert "∞" in main_table(table, DESCRIBED).loc["uno_strong", FID]


def test_main_table_by_hand(table):
    formatted = main_table(table, DESCRIBED)
    assert list(formatted.index) == METHODS
    assert formatted.loc["finetune", FID] == "4.10 ± 0.10"
    assert formatted.loc["ascent", "Runs"] == "3, 3 diverged (step 37, 38, 39)"
    assert formatted.loc["ascent", FID] == "–"
    assert formatted.loc["original", "Steps to unlearn (steps)"] == "–"
    # Kaplan-Meier medians: all reached; none, watched until 100, 200 and 300; two of three.
    assert formatted.loc["finetune", "Steps to unlearn (steps)"] == "200 (3/3)"
    assert formatted.loc["uno", "Steps to unlearn (steps)"] == "> 200 (0/3)"
    assert formatted.loc["uno_s", "Steps to unlearn (steps)"] == "200 (2/3)"


def test_the_main_table_counts_what_its_means_leave_out(contents):
    partial = json.loads(json.dumps(contents))
    last = partial[-1]["metrics"]
    last["fid_retain"]["value"] = "nan"
    last["published_steps"]["censored"] = True
    formatted = main_table(tidy(partial, DESCRIBED, CLASSES), DESCRIBED).loc["uno_strong"]
    assert formatted[FID] == "4.05 ± 0.07 (2 of 3 runs)"
    assert formatted["Steps, as published (steps)"] == "4.10 ± 0.10 (2/3)"


def test_a_single_seed_has_no_spread(contents):
    table = tidy([result for result in contents if result["seed"] == 0], DESCRIBED, CLASSES)
    assert main_table(table, DESCRIBED).loc["finetune", FID] == "4.00"
    assert table.loc[table["metric"] == "fid_retain", "normalised"].notna().any()


def test_latex_is_a_booktabs_tabular_without_bare_special_characters(table):
    latex = to_latex(main_table(table, DESCRIBED), "a caption of 100 %")
    assert latex.startswith("% a caption")
    body = latex.split("\n", 1)[1]
    for part in (r"\begin{tabular}{l", r"\toprule", r"\bottomrule", r"surgery\_forget", r"4.10 $\pm$ 0.10", r"(\%)"):
        assert part in body
    assert body.isascii()
    panels = body.split(r"\medskip")
    for panel in panels:
        rows = [line for line in panel.splitlines() if line.endswith(r"\\")]
        assert len({line.count("&") for line in rows}) == 1
        assert [line.split(" & ")[0].replace(r"\_", "_") for line in rows] == ["Method", *METHODS]
    assert sum(panel.split(r"\midrule")[0].count(" & ") for panel in panels) == len(
        main_table(table, DESCRIBED).columns
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory, contents, table):
    """Files as the workflow leaves them."""
    folder = tmp_path_factory.mktemp("digits")
    generator = np.random.default_rng(0)
    for result in contents:
        run = folder / f"seed{result['seed']}" / result["method"]
        run.mkdir(parents=True)
        count = 0 if result["status"] == "diverged" else 30
        images = generator.integers(0, 255, (count, 1, 8, 8), dtype=np.uint8)
        latents = generator.normal(size=(30, 2))
        np.savez(run / "samples.npz", images=images, classes=np.arange(count) % 10, latents=latents)
        if result["method"] not in ("original", "retrain"):
            steps = np.arange(1, 51)
            columns = {name: generator.uniform(-1, 1, 50) for name in STEP_COLUMNS}
            columns["published_forgotten"] = np.arange(50)[::-1]
            pd.DataFrame({**columns, "step": steps, "seconds": 0.1, "finetune_step_seconds": 0.1}).to_csv(
                run / "steps.csv"
            )
            rule = algorithm_of(EXPERIMENT, result["method"])
            record = {"status": result["status"], "preparation_seconds": 0, "settings": {"algorithm": rule}}
            (run / "record.json").write_text(json.dumps(record))
            counts = {"step": [0, 1, 10, 40, 50], "forgotten": [10, 5, 3, 1, 1], "samples": 100}
            pd.DataFrame(counts).to_csv(run / "measurements.csv", index=False)
    table.to_csv(folder / "metrics.csv", index=False)
    accuracy = []
    for name in ("judge", "guide"):
        accuracy.append(folder / f"{name}.json")
        accuracy[-1].write_text(json.dumps(ACCURACY))
    forget_set = {"forget": [0], "retain": [1, 2], "forgotten_classes": [0]}
    (folder / "forget_set.json").write_text(json.dumps(forget_set))
    read = Results.read(EXPERIMENT, folder / "metrics.csv", accuracy, folder / "forget_set.json")
    published = [{**CELL, "method": method} for method in METHODS]
    verdicts(read, pd.DataFrame(published)).to_csv(folder / "verdicts.csv")
    return read


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_shows_every_method_and_is_the_same_for_the_same_results(results, tmp_path, name):
    use_style()
    written = []
    for attempt in range(2):
        figure, text = load_plugin("figures", name).draw(results)
        for suffix in ("svg", "pdf"):
            save(figure, tmp_path / f"{attempt}.{suffix}")
        written.append([(tmp_path / f"{attempt}.{suffix}").read_bytes() for suffix in ("svg", "pdf")])
        texts = " ".join(artist.get_text() for artist in figure.findobj(lambda artist: hasattr(artist, "get_text")))
        shown = [
            method for method in EXPERIMENT["methods"] if method != "ascent" or name not in ("tradeoff", "published")
        ]
        if name == "sensitivity":
            shown = ["uno", "1e+06", "1000", "orthogonality weight"]
        assert all(method in texts for method in shown)
        assert "3 seeds" in text
        assert "98.0 %" in text
    assert written[0] == written[1]
    assert written[0][1].startswith(b"%PDF")


def panel(figure, label, title=""):
    """The points of each line with markers, and whether it is hollow, in the column with this title."""
    (row,) = [axis for axis in figure.axes if axis.get_ylabel().startswith(label)]
    (top,) = [axis for axis in figure.axes if axis.get_title() == title]
    row, column = row.get_subplotspec().rowspan.start, top.get_subplotspec().colspan.start
    axis = figure.axes[row * top.get_gridspec().ncols + column]
    lines = [line for line in axis.get_lines() if line.get_marker() == "o"]
    return [(*map(list, line.get_data()), line.get_markerfacecolor() == "white") for line in lines]


def test_a_run_that_diverged_has_no_part_in_a_sweeps_means_and_never_crossed(results):
    """Its last step would pass for the time to unlearn."""
    runs = results.metrics
    lost = (runs["method"] == "uno_strong") & (runs["seed"] == 2)
    runs = runs.assign(status=runs["status"].mask(lost, "diverged"))
    runs["censored"] |= lost & (runs["metric"] == "sustained_crossing_steps")
    figure, _ = load_plugin("figures", "sensitivity").draw(dataclasses.replace(results, metrics=runs))
    ((_, means, _),) = panel(figure, "Steps, as", "orthogonality weight")
    assert means == pytest.approx([4.1, 4.05])  # of 4, 4.1 and 4.2, and without the last
    # Kaplan-Meier medians: none of three crossed, watched until 100, 200 and 300; two of three did.
    assert panel(figure, "Steps to", "orthogonality weight") == [([0, 1], [200, 200], False), ([0], [200], True)]


def test_thresholds_are_read_off_the_runs_themselves(results):
    """Shares of 10, 5, 3, 1 and 1 % at steps 0, 1, 10, 40 and 50; of 128 images from 49 down to 0 in 50 steps."""
    figure, _ = load_plugin("figures", "sensitivity").draw(results)
    for label in ("First crossing", "Steps to"):
        assert panel(figure, label, "threshold") == [([0, 1, 2], [40, 40, 1], False)]
    assert panel(figure, "Steps, as", "threshold") == [([0, 1, 2], [49, 48, 44], False)]


def test_runs_in_which_nothing_was_measured_leave_the_thresholds_empty(results):
    """As where a class is forgotten in part."""
    paths = [results.run(row, seed) / "measurements.csv" for row in results.methods for seed in (0, 1, 2)]
    before = {path: path.read_text() for path in paths if path.is_file()}
    try:
        for path, text in before.items():
            path.write_text(text.splitlines()[0] + "\n")
        figure, _ = load_plugin("figures", "sensitivity").draw(results)
        assert before
        assert panel(figure, "Steps, as", "threshold")
        for label in ("First crossing", "Steps to"):
            assert not panel(figure, label, "threshold")
    finally:
        for path, text in before.items():
            path.write_text(text)


@pytest.mark.parametrize("factor", [1, 1e3])
def test_the_tradeoffs_tick_labels_do_not_overlap_and_its_lower_panel_is_about_the_references(results, factor):
    runs = results.metrics
    slow = (runs["method"] == "uno_s") & (runs["metric"] == "sustained_crossing_seconds")
    runs = runs.assign(value=runs["value"].where(~slow, factor * runs["value"]))
    figure, _ = load_plugin("figures", "tradeoff").draw(dataclasses.replace(results, metrics=runs))
    figure.canvas.draw()
    upper, lower = figure.axes
    shown = [label.get_window_extent() for label in lower.get_xticklabels()]
    inside = sorted((box.x0, box.x1) for box in shown if lower.bbox.x0 <= (box.x0 + box.x1) / 2 <= lower.bbox.x1)
    assert len(inside) >= 2
    assert all(left[1] < right[0] for left, right in pairwise(inside))
    assert lower.get_ylim() == pytest.approx((0.9 * 2, 1.1 * 10.2))  # retrain from 2, original to 10.2
    assert len(upper.containers) == len(lower.containers) > 5


def test_a_method_looks_the_same_everywhere_and_like_no_other():
    many = [f"method{number}" for number in range(40)]
    looks = list(
        zip([colors(many)[method] for method in many], [markers(many)[method] for method in many], strict=True)
    )
    assert len(set(looks)) == 40
    assert colors(many)["original"] not in [colors(many)[method] for method in many]
    assert colors(many[:3])["method2"] == colors(many)["method2"]


def test_the_accuracy_of_several_forgotten_classes_is_that_of_any_of_them_and_of_none_is_not_told(results):
    def said(*forgotten):
        forget_set = results.forget_set | {"forgotten_classes": list(forgotten)}
        return dataclasses.replace(results, forget_set=forget_set).conditions()

    assert said(0, 1).endswith("of the 72 to forget it recognises 72, and takes 2 of the 288 others for such.")
    assert said().endswith("98.0 % right on 360 held-out images.")


def test_caption_of_the_table_names_conditions_and_columns(results):
    text = caption(results, DESCRIBED)
    for part in (
        "3 seeds",
        "98.0 % right on 360 held-out images: of the 36 to forget it recognises 31, and takes 2 of the 324 others for",
        "10000 samples",
        "(2 %)",
        "class 0",
        "Kaplan–Meier",
        "FID to retain data (judge features): Fréchet distance, on judge features, of 10000 samples from the 2 ret",
    ):
        assert part in text

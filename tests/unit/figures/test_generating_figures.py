"""Figures, from made-up results of a model that generates images."""

import dataclasses
import itertools
import shutil
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from unlearning.figures import corrected_code
from unlearning.io.files import ROOT
from unlearning.plugins.describe import plugin_constant, plugin_names
from unlearning.plugins.load import load_plugin
from unlearning.reporting.plotting import save, use_style
from unlearning.reporting.published import verdicts
from unlearning.reporting.quantities import read_published
from unlearning.reporting.rows import rows

from ..made_up import EXPERIMENT, METHODS, QUANTITIES, cell, of_values, verdict, write_results

WITH_NAMES = (
    "before_after",
    "transformation",
    "originality",
    "paper_summary",
    "corrected_code",
)  # names that readers see
FIGURES = [
    name
    for name in plugin_names("figures")
    if plugin_constant("figures", name, "MODELS") != "completing" and not plugin_constant("figures", name, "MODEL_HAS")
]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    use_style()
    results = write_results(tmp_path_factory.mktemp("digits"))
    cells = [cell(method, "steps_to_unlearn", 4.0, 0.1, relative=0.1, dataset="digits") for method in METHODS]
    verdict(results, *cells).to_csv(results.folder / "verdicts.csv")
    return results


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
        if name == "paper_summary":
            shown = [method for method in shown if method != "uno_strong"]  # no published number is of this row
        if name == "corrected_code":
            shown = [method for method in shown if method in itertools.chain(*corrected_code.SHOWN)]
        if name == "sensitivity":
            shown = ["uno", "1e+06", "1000", "orthogonality weight"]
        if name in WITH_NAMES:
            shown = [row.name for row in rows(EXPERIMENT) if row.key in shown]
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
    """Shares of 10, 4, 3, 0.5 and 0.5 % at steps 0, 1, 10, 40 and 50; of 128 images from 49 down to 0 in 50 steps."""
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


def test_the_figure_shows_what_the_verdicts_compare(tmp_path):
    """Ratios to the original for distances; filled the row that was run, hollow the one as described, with errors."""
    values = {
        ("published_fid", "original"): [10.0, 10, 10],
        ("published_fid", "uno"): [50.0, 50, 50],
        ("published_fid", "uno_as_run"): [25.0, 30, 35],
    }
    made = of_values(values, folder=tmp_path)
    cells = cell("original", "fid", 20.0), cell("uno", "fid", 60.0, 3.0, "uno_as_run")
    verdict(made, *cells).to_csv(tmp_path / "verdicts.csv")
    figure, _ = load_plugin("figures", "published").draw(made)
    described, ran = sorted(
        (bars for bars in figure.axes[0].containers), key=lambda bars: -bars.lines[0].get_ydata()[0]
    )
    assert list(ran.lines[0].get_xydata()[0]) == pytest.approx([3, 3])
    assert list(described.lines[0].get_xydata()[0]) == pytest.approx([3, 5])
    assert described.lines[0].get_markerfacecolor() == "none" != ran.lines[0].get_markerfacecolor()
    across, upwards = (np.ptp(bar.get_segments()[0], axis=0) / 2 for bar in ran.lines[2])
    assert across == pytest.approx([2.262157 * 3 / 20 / np.sqrt(9), 0], rel=1e-4)
    assert upwards == pytest.approx([0, 4.302653 * 0.5 / np.sqrt(3)], rel=1e-4)
    assert figure.axes[0].get_title() == "FID\nin units of original"


def test_logs_of_the_corrected_code_are_marked_as_their_authors_had_them(results, tmp_path):
    """Of `uno`: below at step 7, above again at 45, 53 steps; of `uno_s` and surgery: never in 53."""
    published = read_published([ROOT / "published" / f"{name}.csv" for name in ("uno", "uno-corrected")])
    made = dataclasses.replace(results, folder=tmp_path)
    for folder in results.folder.glob("seed*"):
        (tmp_path / folder.name).symlink_to(folder)
    verdicts(results, published.assign(dataset="digits"), QUANTITIES).to_csv(tmp_path / "verdicts.csv")
    figure, _ = corrected_code.draw(made)
    titles = [axis.get_title().split("\n", 1) for axis in figure.axes]
    assert titles[2] == ["UNO", "log: below at 7 of 53, above at 45\nshuffled: never in 50"]
    assert [facts for _, facts in titles[:2]] == [
        "log: below at 18 of 53, above at 53\nshuffled: never in 50",
        "log: never in 53\nshuffled: never in 50",
    ]
    assert [facts for _, facts in titles[4:]] == ["no log\n"] * 2 + ["log: below at 3\n"] * 2
    marks = {
        line.get_marker(): line.get_xydata()[0].tolist()
        for line in figure.axes[2].get_lines()
        if line.get_marker() in "D^" and line.get_xdata()[0] > 0
    }
    threshold = 100 * EXPERIMENT["evaluation"]["threshold"]
    assert marks == {"D": [7, threshold], "^": [45, threshold]}
    assert not [line for line in figure.axes[3].get_lines() if line.get_marker() == "D"], "it never crossed"
    ours = [line for line in figure.axes[2].get_lines() if len(line.get_xdata()) == 50]
    assert len(ours) == 4
    assert ours[-1].get_ydata()[0] == pytest.approx(100 * 49 / 128)


def test_the_scale_shows_intervals_and_says_which_metrics_have_none(results):
    """Of three seeds, for the marker: 4, 5 and 3 between the originals 10.0 to 10.2 and the retrained 2.0 to 2.2."""
    runs = results.metrics.copy()
    fid = (runs["metric"] == "fid_retain") & (runs["method"] == "uno")
    runs.loc[fid, ["value", "normalised"]] = np.array([[4.0, 5, 3], (10.1 - np.array([4.0, 5, 3])) / 8]).T
    same = runs["metric"] == "fid_retrain"
    runs["normalised"] = runs["normalised"].mask(same)
    changed = dataclasses.replace(results, metrics=runs)
    figure, text = load_plugin("figures", "normalised").draw(changed)
    (axis,) = [axis for axis in figure.axes if axis.get_title().startswith("FID to retain data")]
    segments = [
        line.get_xdata() for line in axis.get_lines() if line.get_linestyle() == "-" and line.get_marker() == "None"
    ]
    margin = 4.302653 * np.std([6, 5.1, 7.2], ddof=1) / np.sqrt(3) / 8
    middle = np.mean([6, 5.1, 7.2]) / 8
    assert any(np.allclose(segment, [middle - margin, middle + margin], atol=1e-3) for segment in segments)
    assert not [axis for axis in figure.axes if axis.get_title().startswith("FID to retrained")]
    declared = sum(bool(entry.get("normalised")) for entry in results.descriptions.values())
    assert f"{len(results.descriptions) - declared} of {len(results.descriptions)} metrics have no such scale" in text
    assert "1 more has none because the paired t test at 5 % does not tell" in text
    assert ": FID to retrained (judge features)." in text
    experiment = results.experiment | {"seeds": [0]}
    alone = dataclasses.replace(
        results, experiment=experiment, metrics=runs[runs["seed"] == 0].assign(normalised=np.nan)
    )
    assert "With one seed no metric has the scale" in load_plugin("figures", "normalised").draw(alone)[1]


@pytest.fixture(scope="module")
def failing(results, tmp_path_factory):
    """The same results, but for runs that failed before they wrote a file."""
    folder = tmp_path_factory.mktemp("failing") / "digits"
    shutil.copytree(results.folder, folder)
    lost = [("uno", 0), ("surgery_retain", 0), ("surgery_retain", 1), ("surgery_retain", 2), ("original", 0)]
    for method, seed in lost:
        shutil.rmtree(folder / f"seed{seed}" / method)
    runs = results.metrics
    failed = pd.MultiIndex.from_frame(runs[["method", "seed"]]).isin(lost)
    runs = runs.assign(status=runs["status"].mask(failed, "failed"), value=runs["value"].mask(failed))
    return dataclasses.replace(results, folder=folder, metrics=runs)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_does_not_need_the_files_of_runs_that_failed(failing, name):
    _, text = load_plugin("figures", name).draw(failing)
    assert "surgery_retain (3 of 3)" in text.replace("\\", "")


@pytest.mark.parametrize("name", [name for name in FIGURES if name != "published"])
def test_a_figure_is_drawn_even_if_all_runs_of_all_methods_failed(results, tmp_path, name):
    runs = results.metrics
    failed = ~runs["method"].isin(["original", "retrain"])
    runs = runs.assign(status=runs["status"].mask(failed, "failed"), value=runs["value"].mask(failed))
    figure, text = load_plugin("figures", name).draw(dataclasses.replace(results, metrics=runs))
    assert "uno (3 of 3)" in text
    save(figure, tmp_path / "figure.svg")


def test_a_legend_names_classes_that_matplotlib_would_leave_out_or_read_as_mathematics(results, tmp_path, monkeypatch):
    names = ["_background", "$x^$", *results.classes[2:]]
    monkeypatch.setattr(type(results), "classes", names)
    figure, _ = load_plugin("figures", "latent_space").draw(results)
    save(figure, tmp_path / "figure.svg")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["_background", r"\$x^\$", *names[2:]]

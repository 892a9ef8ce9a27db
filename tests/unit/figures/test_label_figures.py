"""Figures of models with labels, from made-up results: 0 is forgotten and has become 3, and 8 is the worst label."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from unlearning.config.experiment import REFERENCES
from unlearning.figures import asked, asked_in_seconds, label_grid, label_matrices
from unlearning.plugins.describe import plugin_constant, plugin_names
from unlearning.plugins.load import load_plugin
from unlearning.reporting.plotting import save, use_style
from unlearning.reporting.rows import rows

from ..made_up import EXPERIMENT, contents, write_results

FIGURES = [name for name in plugin_names("figures") if plugin_constant("figures", name, "MODEL_HAS")]
MATRIX = np.vstack([0.9 * np.eye(10) + 0.01, np.full(10, 0.1)])
MATRIX[0], MATRIX[8] = 0.0, 0.0
MATRIX[0, [3, 5]], MATRIX[8, [8, 0]] = (0.7, 0.3), (0.5, 0.5)
LISTED = rows(EXPERIMENT)
STEPS = [0, 1, 10, 40, 50]


def classes(seed):
    """Of two samples of each label: their label, but 3 of label 0, and 0 of the second one of label 8."""
    judged = np.repeat(np.arange(11), 2).reshape(11, 2)
    judged[0], judged[8, 1] = 3, 0
    return judged


def write_labels(results):
    """Add to made-up results what runs of a model with labels leave."""
    for result in contents():
        run = results.run(result["method"], result["seed"])
        if result["status"] == "finished":
            with np.load(run / "samples.npz") as file:
                stored = dict(file)
            greys = 20 * np.arange(11)[:, None] + np.arange(2)
            images = np.broadcast_to(greys[:, :, None, None, None], (11, 2, 1, 8, 8)).astype(np.uint8)
            arrays = {"by_label.images": images, "labels.matrix": MATRIX, "labels.classes": classes(result["seed"])}
            np.savez(run / "samples.npz", **stored, **arrays)
        if result["method"] not in REFERENCES:
            by_network = [
                {"step": step, "network": network, "forgotten": 0, "samples": 100, "samples_each_way": 200}
                | {"forgotten_label": 200 - 4 * step, "null_label": 20 + 2 * network, "retained_labels": result["seed"]}
                for step in STEPS
                for network in (0, 1)
            ]
            pd.DataFrame(by_network).to_csv(run / "measurements.csv", index=False)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    use_style()
    results = write_results(tmp_path_factory.mktemp("labels"))
    write_labels(results)
    retrained = results.metrics[results.metrics["method"] == "retrain"].drop_duplicates("seed")
    retrained = retrained.assign(metric="forgotten_under_own_label", value=[1.0, 2.0, 3.0])
    evaluation = EXPERIMENT["evaluation"] | {"label_samples": 30}
    return dataclasses.replace(
        results,
        metrics=pd.concat([results.metrics, retrained], ignore_index=True),
        experiment=EXPERIMENT | {"evaluation": evaluation},
    )


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_shows_every_method_and_is_the_same_for_the_same_results(results, tmp_path, name):
    written = []
    for _ in range(2):
        figure, caption = load_plugin("figures", name).draw(results)
        save(figure, tmp_path / "figure.svg")
        written.append((tmp_path / "figure.svg").read_bytes())
    texts = " ".join(artist.get_text() for artist in figure.findobj(lambda artist: hasattr(artist, "get_text")))
    names = [row.name for row in LISTED] if name == "label_grid" else list(EXPERIMENT["methods"])
    assert all(shown in texts for shown in names)
    assert "3 seeds" in caption
    assert "98.0 %" in caption
    assert written[0] == written[1]


def test_the_grid_has_the_forgotten_label_first_then_none_and_the_same_noise_in_a_column(results):
    figure, caption = label_grid.draw(results)
    (axis,) = figure.axes
    tops = sorted({picture.get_extent()[3] for picture in axis.get_images()})
    assert len(tops) == len(LISTED) - 1, "ascent diverged"
    for top in tops:
        row = [picture for picture in axis.get_images() if picture.get_extent()[3] == top]
        greys = [int(picture.get_array().mean()) for picture in sorted(row, key=lambda each: each.get_extent()[0])]
        assert greys == [20 * label + sample for label in (0, 10, *range(1, 10)) for sample in (0, 1)]
    assert len(axis.patches) == len(tops), "one frame in each row, the second sample of label 8"
    column = sorted({picture.get_extent()[0] for picture in axis.get_images()}).index(axis.patches[0].get_x())
    assert column == 2 * (0, 10, *range(1, 10)).index(8) + 1
    texts = [text.get_text() for text in axis.texts]
    assert {"0 (forget)", "no label", "diverged"} <= set(texts)
    assert "labels are shown" not in caption


def test_the_grid_of_many_labels_has_those_to_forget_the_null_label_and_some_others():
    assert label_grid.shown_labels(1000, [207]) == [207, 1000, *range(9)]
    assert label_grid.shown_labels(1000, list(range(500, 600))) == [*range(500, 509), 1000, 0]
    assert label_grid.shown_labels(3, []) == [3, 0, 1, 2]


def test_matrices_are_the_mean_over_seeds_and_name_what_the_label_becomes_and_the_worst_one(results, monkeypatch):
    own = type(results).by_label

    def noisy(self, row, seed):
        arrays = own(self, row, seed)
        return arrays and arrays | {"matrix": arrays["matrix"] + 0.1 * (seed - 1)}

    monkeypatch.setattr(type(results), "by_label", noisy)
    figure, caption = label_matrices.draw(results)
    drawn = {axis.get_title(): axis for axis in figure.axes if axis.get_title()}
    assert set(drawn) == {"original", "retrain", *EXPERIMENT["methods"]}
    for method, axis in drawn.items():
        if method == "ascent":
            assert [text.get_text() for text in axis.texts] == ["diverged"]
            continue
        np.testing.assert_allclose(axis.get_images()[0].get_array(), 100 * MATRIX)
        assert axis.get_xlabel() == "0 → 3 (70 %)\nworst: 8 (50 %)"
        assert [patch.get_y() for patch in axis.patches] == [-0.5]
    assert figure.axes[0].get_yticklabels()[-1].get_text() == "none"
    assert "Classes of 30 samples of each label" in caption


def lines(axis):
    """The points of the lines of an axis that have several, thick ones last."""
    drawn = [line for line in axis.get_lines() if len(line.get_xdata()) == len(STEPS)]
    return [line.get_xydata() for line in sorted(drawn, key=lambda line: line.get_linewidth())]


def test_each_way_of_asking_is_the_mean_over_networks_and_the_thick_line_that_over_seeds(results):
    figure, caption = asked.draw(results)
    (axis,) = [axis for axis in figure.axes if axis.get_title() == "uno"]
    drawn = lines(axis)
    assert len(drawn) == 12, "three ways, each of three seeds and their mean"
    own, null, retained = drawn[-3:]
    np.testing.assert_allclose(own, [[step, 100 - 2 * step] for step in STEPS])
    np.testing.assert_allclose(null[:, 1], 100 * 21 / 200)
    np.testing.assert_allclose(retained[:, 1], 0.5)
    dotted = [line.get_ydata()[0] for line in axis.get_lines() if line.get_linestyle() == ":"]
    assert dotted == [2.0], "the mean of the retrained models, of the only metric that they have here"
    assert "Share of 200 fresh samples" in caption
    figure.canvas.draw()
    others = [*figure.texts, *(axis.title for axis in figure.axes)]
    assert "step" in [text.get_text() for text in figure.texts]
    assert not [text for text in others if text.get_window_extent().overlaps(figure.legends[0].get_window_extent())]


def test_seconds_are_those_of_the_steps_before_a_measurement(results):
    figure, caption = asked_in_seconds.draw(results)
    (axis,) = [axis for axis in figure.axes if axis.get_title() == "uno"]
    np.testing.assert_allclose(lines(axis)[-3][:, 0], [0.1 * step for step in STEPS])
    assert "Seconds are those of the preparation" in caption


def test_runs_in_which_nothing_was_measured_leave_their_panels_empty(results, monkeypatch):
    none = pd.DataFrame(columns=["step", *asked.WAYS, "samples_each_way", "method", "seed"])
    steps = type(results).trajectory

    def trajectory(self, file, *columns):
        return none if file == "measurements.csv" else steps(self, file, *columns)

    monkeypatch.setattr(type(results), "trajectory", trajectory)
    figure, _ = asked.draw(results)
    (axis,) = [axis for axis in figure.axes if axis.get_title() == "uno"]
    assert [text.get_text() for text in axis.texts] == ["not measured"]
    assert not lines(axis)

"""Figures that show forgetting by images: which images they show, where, and what they say of runs without any."""

import dataclasses

import numpy as np
import pytest

from unlearning.figures import before_after, originality, paper_summary, transformation
from unlearning.reporting.plotting import save, use_style
from unlearning.reporting.rows import rows

from ..made_up import EXPERIMENT, METHODS, RETRAINED, cell, of_values, verdict, write_results
from .test_completing_figures import EXPERIMENT as COMPLETING
from .test_completing_figures import LOST, write

LISTED = rows(EXPERIMENT)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    use_style()
    return write_results(tmp_path_factory.mktemp("images"))


def placed(figure):
    """The images of a figure by the row and the column that they stand in, counted from 0."""
    pictures = figure.axes[0].get_images()
    tops = sorted({picture.get_extent()[3] for picture in pictures})
    lefts = sorted({picture.get_extent()[0] for picture in pictures})
    return {
        (tops.index(picture.get_extent()[3]), lefts.index(picture.get_extent()[0])): np.asarray(picture.get_array())
        for picture in pictures
    }


def texts(figure):
    return [text.get_text() for axis in figure.axes for text in axis.texts]


def assert_inside(figure):
    """No text reaches beyond the figure, and no heading or name into another one."""
    figure.canvas.draw()
    boxes = [text.get_window_extent() for axis in figure.axes for text in axis.texts if text.get_text()]
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0 and box.y1 <= figure.bbox.y1 for box in boxes)
    assert not any(one.overlaps(other) for place, one in enumerate(boxes) for other in boxes[:place])


def test_before_and_after_are_the_first_and_the_last_step_and_the_retrained_model_is_between(results):
    """The made-up images are 250 before the first step and 247 after the last one; `ascent` diverges."""
    figure, caption = before_after.draw(results)
    greys = {place: int(image.mean()) for place, image in placed(figure).items()}
    finished = [row for row in LISTED if row.key != "ascent"]
    for column in range(4):
        assert greys[0, column] == 250
        assert greys[1, column] == RETRAINED
        assert all(greys[number, column] == 247 for number in range(2, len(finished)))
    assert len(greys) == 4 * len(finished)
    assert texts(figure).count("diverged") == 1
    assert {"before: the class to forget", "before: another class"} < set(texts(figure))
    assert "Of the first 2 latents, the original makes class 0" in caption
    assert_inside(figure)


def test_the_small_version_has_five_rows_for_the_screen_of_a_phone(results, tmp_path):
    figure = before_after.draw_summary(results)
    names = {row.key: row.name.replace(" (", "\n(") for row in LISTED}
    assert [text for text in texts(figure) if text in names.values()] == [names[key] for key in before_after.SUMMARY]
    assert {row for row, _ in placed(figure)} == set(range(5))
    assert_inside(figure)
    save(figure, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size < 150_000
    points_on_a_phone = 12 * 390 / (72 * figure.get_figwidth())
    assert points_on_a_phone > 10, "CSS pixels of the letters' height on a screen of 390"


def test_a_class_that_is_forgotten_in_part_has_no_columns_of_its_own(results, monkeypatch):
    """The samples of the original cannot show which images of the class were to be forgotten."""
    monkeypatch.setattr(type(results), "probes_of_forgotten", lambda *_: np.zeros(4, bool))
    in_part = dataclasses.replace(results, forget_set=results.forget_set | {"forgotten_classes": []})
    figure, caption = before_after.draw(in_part)
    assert "the same latents" in texts(figure)
    assert not any(text.startswith("before:") for text in texts(figure))
    assert "the original makes" not in caption


def test_the_steps_of_a_transformation_are_columns_and_a_diverged_run_says_so_after_its_last_one(results):
    figure, caption = transformation.draw(results)
    methods = [row for row in LISTED if row.group != "references"]
    greys = {place: int(image.mean()) for place, image in placed(figure).items()}
    for number, row in enumerate(methods):
        steps = 3 if row.key == "ascent" else 4
        assert [greys[number, column] for column in range(3 * steps)] == [
            250 - column // 3 for column in range(3 * steps)
        ]
        assert (number, 3 * steps) not in greys, row
    headings = [text for text in texts(figure) if text.isdigit()]
    assert headings == ["0", "2", "10", "500"]
    assert texts(figure).count("diverged") == 1
    (note,) = [text for text in figure.axes[0].texts if text.get_text() == "diverged"]
    pictures = figure.axes[0].get_images()
    of_row = [
        picture for picture in pictures if picture.get_extent()[3] < note.get_position()[1] < picture.get_extent()[2]
    ]
    assert note.get_position()[0] > max(picture.get_extent()[1] for picture in of_row)
    assert len(of_row) == 9
    assert "From the first 2 of each step" in caption
    assert_inside(figure)


@pytest.mark.parametrize(
    ("forgotten", "count", "expected"),
    [
        ([1, 1, 0, 0], 3, [0, 1, 2]),
        ([1, 1, 0, 0], 2, [0, 2]),
        ([0, 0, 0, 0], 3, [0, 1, 2]),
        ([1, 1, 1, 1], 2, [0, 1]),
        ([1, 0, 0, 0], 3, [0, 1, 2]),
        ([0], 2, [0]),
    ],
)
def test_a_transformation_shows_latents_of_both_kinds(forgotten, count, expected):
    assert transformation._choose(np.array(forgotten, bool), count) == expected


def test_samples_stand_before_their_nearest_images_with_a_frame_around_the_nearer_one(results):
    figure, caption = originality.draw(results)
    shown = placed(figure)
    with np.load(results.run("uno", 0) / "samples.npz") as file:
        arrays = dict(file)
    place = [row.key for row in LISTED if row.key != "ascent"].index("uno")
    for half, distance in enumerate(("pixels", "features")):
        for sample in range(4):
            for beside, name in enumerate(("samples", "forget", "retain")):
                image = shown[place, 12 * half + 3 * sample + beside]
                np.testing.assert_array_equal(image[..., 0], arrays[f"originality.{distance}.{name}"][sample, 0])
    # Distances of 1, 5, 3 and 4 to the images to forget, and of 2, 4, 6 and 5 to retained ones.
    frames = [patch.get_edgecolor() for patch in figure.axes[0].patches]
    count = (len(LISTED) - 1) * 2
    assert sum(color[0] > color[2] for color in frames) == 3 * count
    assert sum(color[0] < color[2] for color in frames) == count
    assert texts(figure).count("6.00") == count
    assert "diverged: no samples" in texts(figure)
    assert "10.1 % | 10.1 %" in texts(figure)  # the mean of the originals' 10.0, 10.1 and 10.2
    assert "first 2 samples" in caption
    assert_inside(figure)


@pytest.mark.parametrize("module", [before_after, transformation])
@pytest.mark.parametrize("channels", [1, 3])
def test_completions_are_shown_likewise(tmp_path, module, channels):
    results = write(tmp_path, COMPLETING, channels)
    figure, caption = module.draw(results)
    assert "diverged" in texts(figure)
    assert next(row.name for row in rows(COMPLETING) if row.key == LOST) in texts(figure)
    assert ("held-out images to forget" in texts(figure)) == (module is before_after)
    assert "latents" not in caption
    assert_inside(figure)


@pytest.mark.parametrize("module", [before_after, transformation, originality])
def test_one_seed_and_one_method_are_drawn(tmp_path, results, module):
    experiment = results.experiment | {"seeds": [0], "methods": {"uno": results.experiment["methods"]["uno"]}}
    metrics = results.metrics[(results.metrics["seed"] == 0) & results.metrics["method"].isin([*METHODS[:2], "uno"])]
    figure, _ = module.draw(dataclasses.replace(results, experiment=experiment, metrics=metrics))
    assert "UNO" in texts(figure)
    save(figure, tmp_path / "figure.svg")


def test_the_summary_has_the_papers_numbers_and_ours(tmp_path, monkeypatch):
    """Means and standard deviations: the paper's as they are printed, ours over seeds."""
    made = of_values(
        {
            ("published_seconds", "uno"): [0.5, 0.5, 0.5],
            ("published_seconds", "uno_as_run"): [0.1, 0.2, 0.3],
            ("published_fid", "original"): [10.0, 10, 10],
        },
        folder=tmp_path,
    )
    made.experiment["evaluation"]["threshold"] = 0.02
    cells = (
        cell("uno", "time_to_unlearn", 0.055, 0.009, "uno_as_run"),
        cell("original", "fid", 20.7),
        cell("finetune", "steps_to_unlearn", 12.0, 2.0),
    )
    verdict(made, *cells).to_csv(tmp_path / "verdicts.csv")
    monkeypatch.setattr(type(made), "has_failed", lambda *_: True)  # there are no files of runs
    figure, _ = paper_summary.draw(made)
    times, distances, fractions = figure.axes
    theirs, ran, described = times.containers
    assert theirs.lines[0].get_xdata()[0] == 0.055
    assert np.ptp(theirs.lines[2][0].get_segments()[0][:, 0]) == pytest.approx(0.018)
    assert ran.lines[0].get_xdata()[0] == pytest.approx(0.2)
    assert np.ptp(ran.lines[2][0].get_segments()[0][:, 0]) == pytest.approx(0.2)
    assert described.lines[0].get_xdata()[0] == 0.5
    assert theirs.lines[0].get_ydata()[0] > ran.lines[0].get_ydata()[0]
    assert [bars.lines[0].get_xdata()[0] for bars in distances.containers] == [20.7, 10]
    labels = [label.get_text() for label in times.get_yticklabels()]
    assert labels[0] == "Original"
    assert len(labels) == 3
    assert "finetune" not in made.methods
    assert not fractions.containers, "steps are drawn in the colour of our row, and there is none"


def test_the_summary_draws_published_steps_at_the_threshold_and_shares_at_the_fifth_step(results):
    cells = (
        cell("surgery_retain", "steps_to_unlearn", 143.7, 128.2, dataset="digits"),
        cell("surgery_retain", "five_step_forget_fraction", 0.05, 0.03, dataset="digits"),
    )
    verdict(results, *cells).to_csv(results.folder / "verdicts.csv")
    figure, _ = paper_summary.draw(results)
    steps, share = figure.axes[2].containers
    assert steps.lines[0].get_xydata()[0] == pytest.approx([143.7, 2])
    assert share.lines[0].get_xydata()[0] == pytest.approx([5, 5])
    (line,) = [line for line in figure.axes[2].get_lines() if line.get_label().startswith("ours")]
    assert line.get_label() == "ours: Gradient surgery (retain)"
    assert list(line.get_ydata()[:2]) == pytest.approx([100 * 49 / 128, 100 * 48 / 128])

"""Figures of models that complete images, from made-up results in the layout of real ones."""

import dataclasses
import json

import matplotlib.pyplot as plt
import numpy as np
import pytest

from unlearning.config.load import load_experiment
from unlearning.data.description import describe_dataset
from unlearning.evaluation.description import describe_metrics
from unlearning.figures import completions, embeddings, forget_weight, retain_versus_forget
from unlearning.io.tensors import write_tensors
from unlearning.plugins.describe import plugin_constant, plugin_names
from unlearning.plugins.load import load_plugin
from unlearning.reporting.captions import plain_text
from unlearning.reporting.plotting import save, use_style
from unlearning.reporting.results import Results
from unlearning.reporting.summary import tidy

CLASSES = describe_dataset("digits")["classes"]
EXPERIMENT = load_experiment("digits-i2i-mae")
DESCRIPTIONS = {
    key: value for name in EXPERIMENT["evaluation"]["metrics"] for key, value in describe_metrics(name).items()
}
FIGURES = [name for name in plugin_names("figures") if plugin_constant("figures", name, "MODELS") == "completing"]
COUNTS = {"forget": 9, "retain": 11, "heldout_forget": 7, "heldout_retain": 10}
OF_GROUP = {"forget": [3, 8], "retain": [0, 5, 9], "heldout_forget": [3, 8], "heldout_retain": [0, 5, 9]}
LOST = "i2i_max_loss"  # every run of it diverges, and one of `ascent`


def diverges(method, seed):
    return method == LOST or (method == "ascent" and seed == 1)


def write(folder, experiment, channels=1):
    """Results of an experiment as the workflow leaves them."""
    rows = ["original", "retrain", *experiment["methods"]]
    runs = [(method, seed) for method in rows for seed in experiment["seeds"]]
    contents, generator = [], np.random.default_rng(0)
    true = {group: arrays(generator, count, OF_GROUP[group], channels) for group, count in COUNTS.items()}
    for method, seed in runs:
        run = folder / f"seed{seed}" / method
        run.mkdir(parents=True)
        generator = np.random.default_rng([seed, *method.encode()])
        stored = {"images": np.zeros((0, channels, 8, 8), np.uint8), "classes": np.zeros(0, int)}
        if not diverges(method, seed):
            for group, given in true.items():
                completed = np.where(
                    given["hidden"], generator.integers(0, 255, given["images"].shape), given["images"]
                )
                seen = {
                    "completed": completed.astype(np.uint8),
                    "embeddings": generator.normal(size=(COUNTS[group], 6)),
                }
                stored |= {f"{group}.{name}": array for name, array in (given | seen).items()}
        np.savez_compressed(run / "samples.npz", **stored)
        if method not in ("original", "retrain"):
            steps = [0] if diverges(method, seed) else [0, 5, experiment["unlearning"]["steps"]]
            images = generator.integers(0, 255, (len(steps), 4, channels, 8, 8), dtype=np.uint8)
            np.savez(run / "transformation.npz", steps=steps, images=images, forgotten=np.arange(4) < 2)
        level = {"original": 0.2, "retrain": 0.4}.get(method, 0.3) + 0.01 * seed
        contents.append(
            {
                "experiment": "made up",
                "method": method,
                "seed": seed,
                "status": "diverged" if diverges(method, seed) else "finished",
                "last_step": 37,
                "metrics": {name: {"value": None if diverges(method, seed) else level} for name in DESCRIPTIONS},
                "class_counts": None,
                "run": {"config_sha256": "abc", "environment": {"commit": "def"}},
                "metrics_sha256": "123",
            }
        )
    shown = {f"{seed}.shown": np.zeros((4, channels, 8, 8), np.uint8) for seed in experiment["seeds"]}
    write_tensors(folder / "reference.safetensors", shown)
    tidy(contents, DESCRIPTIONS, CLASSES).to_csv(folder / "metrics.csv", index=False)
    confusion = np.full((10, 10), 3).tolist()
    accuracy = {
        "heldout_accuracy": 0.98,
        "heldout_accuracy_by_network": [0.98],
        "heldout_images": 300,
        "confusion_true_by_predicted": confusion,
    }
    (folder / "judge.json").write_text(json.dumps(accuracy))
    forget_set = {"forget": [0] * 9, "retain": [1] * 11, "forgotten_classes": [3, 8]}
    (folder / "forget_set.json").write_text(json.dumps(forget_set))
    return Results.read(experiment, folder / "metrics.csv", [folder / "judge.json"], folder / "forget_set.json")


def arrays(generator, count, classes, channels):
    """What is the same for every run: of one group, as in `metrics.CompletionSet`."""
    hidden = np.zeros((count, 1, 8, 8), bool)
    hidden[:, :, 2:6, 2:6] = True
    return {
        "images": generator.integers(0, 255, (count, channels, 8, 8), dtype=np.uint8),
        "hidden": hidden,
        "labels": np.resize(classes, count),
        "true_embeddings": generator.normal(size=(count, 6)),
        "probabilities": np.full((count, 10), 0.1),
    }


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return write(tmp_path_factory.mktemp("results"), EXPERIMENT)


def texts(figure):
    return " ".join(artist.get_text() for artist in figure.findobj(lambda artist: hasattr(artist, "get_text")))


# The true images and those that every model completes, but for the one that is lost: a point for each held-out image.
POINTS = (len(EXPERIMENT["methods"]) + 2) * (COUNTS["heldout_forget"] + COUNTS["heldout_retain"])
CAPTIONS = {
    "completions": ["8 to retain and 7 to forget", "seed 0"],
    "embeddings": ["10 held-out retain and 7 held-out forget", "6 judge features", "perplexity 30", f"{POINTS} points"],
    "retain_versus_forget": [f"{LOST} (3 of 3)", "ascent (1 of 3)", "near them"],
    "forget_weight": ["i2i: i2i_weak, i2i, i2i_strong", f"{LOST} (3 of 3)"],
    "difference_to_retrained": ["RMSE to retrained: root mean square difference", "another seed, on held-out"],
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_method_is_shown_and_the_same_results_give_the_same_bytes(results, tmp_path, name):
    use_style()
    for attempt in range(2):
        figure, caption = load_plugin("figures", name).draw(results)
        save(figure, tmp_path / f"{attempt}.svg")
        shown = texts(figure)
        plt.close(figure)
    assert (tmp_path / "0.svg").read_bytes() == (tmp_path / "1.svg").read_bytes()
    if name != "forget_weight":
        assert all(method in shown for method in EXPERIMENT["methods"] if method != LOST)
    if name in ("completions", "embeddings", "difference_to_retrained"):  # the last has two panels
        assert LOST in shown
        assert shown.count("diverged") == (2 if name == "difference_to_retrained" else 1)
    for part in (*CAPTIONS[name], "class 3, 8 to forget", "98.0 %"):
        assert part in plain_text(caption)


@pytest.mark.parametrize("channels", [1, 3])
def test_grid_shows_each_image_whole_and_hatches_exactly_the_hidden_pixels(tmp_path, channels):
    results = write(tmp_path, EXPERIMENT, channels)
    use_style()
    figure, _ = completions.draw(results)
    (axis,) = figure.axes
    canvas = axis.images[0].get_array()
    columns = [round(place - 31.5) for place in axis.get_xticks()]
    names = [label.get_text() for label in axis.get_xticklabels()]
    tops = [round(place - 31.5) for place in axis.get_yticks()]
    rows = dict(zip([label.get_text() for label in axis.get_yticklabels()], tops, strict=True))
    for attempt in range(2):
        save(figure, tmp_path / f"{attempt}.svg")
    plt.close(figure)
    assert (tmp_path / "0.svg").read_bytes() == (tmp_path / "1.svg").read_bytes()
    assert list(rows) == ["truth", "masked input", "original", "retrain", *EXPERIMENT["methods"]]
    assert names == ["0", "0", "0", "5", "5", "5", "9", "9", "3", "3", "3", "3", "8", "8", "8"]

    def cell(row, column):
        return canvas[rows[row] : rows[row] + 64, columns[column] : columns[column] + 64]

    def enlarged(image):
        return np.kron(np.broadcast_to(image, (3, 8, 8)).transpose(1, 2, 0), np.ones((8, 8, 1)))

    stored = results.completions("uno", 0, "heldout_forget", "images", "completed", "hidden", "labels")
    last = np.flatnonzero(stored["labels"] == 8)[-1]
    np.testing.assert_array_equal(cell("truth", -1), enlarged(stored["images"][last]))
    np.testing.assert_array_equal(cell("uno", -1), enlarged(stored["completed"][last]))
    masked = np.where(enlarged(stored["hidden"][last]), completions.hatch(64, 64), enlarged(stored["images"][last]))
    np.testing.assert_array_equal(cell("masked input", -1), masked)
    assert (cell(LOST, 0) == 255).all()


@pytest.mark.parametrize(
    ("labels", "count", "chosen"),
    [
        ([5, 0, 0, 0, 9], 4, [1, 2, 0, 4]),  # of each class in turn
        ([5, 0, 9], 8, [1, 0, 2]),  # no more than there are
        ([0, 1, 2, 3, 4, 4], 3, [0, 2, 4]),  # classes from all over the list
        ([], 3, []),
    ],
)
def test_images_to_show_are_of_all_classes(labels, count, chosen):
    assert completions.one_of_each(np.array(labels, int), count) == chosen


def test_embedding_does_not_depend_on_the_order_of_methods(tmp_path):
    forth = rows(finetune={}, uno=EXPERIMENT["methods"]["uno"], i2i=of(1))
    results = write(tmp_path, forth)

    def places(experiment):
        figure, _ = embeddings.draw(with_experiment(results, experiment))
        plt.close(figure)
        offsets = {axis.get_title(): [each.get_offsets() for each in axis.collections] for axis in figure.axes}
        return {model: np.concatenate(parts) for model, parts in offsets.items() if parts}

    first, second = places(forth), places(rows(**dict(reversed(forth["methods"].items()))))
    assert list(first) != list(second)
    assert set(first) == {"original", "retrain", "finetune", "uno", "i2i"}
    for model, points in first.items():
        np.testing.assert_array_equal(points, second[model])


def test_perplexity_is_less_than_the_number_of_points():
    few = {("true", "a"): np.eye(4), ("x", "a"): np.eye(4) + 1}
    points, perplexity = embeddings.embedding(few)
    assert perplexity == 2
    assert [array.shape for array in points.values()] == [(4, 2), (4, 2)]


def with_experiment(results, experiment):
    return dataclasses.replace(results, experiment=experiment)


def rows(**methods):
    return EXPERIMENT | {"methods": methods}


def of(weight, **others):
    return {"algorithm": "i2i", "forget_weight": weight, "forget_target": "full_noise"} | others


def test_ablation_takes_rows_that_differ_in_the_weight_alone():
    assert forget_weight.weights_by_sweep(EXPERIMENT) == {"i2i": {"i2i_weak": 0.05, "i2i": 0.25, "i2i_strong": 1}}
    found = forget_weight.weights_by_sweep(
        rows(
            finetune={},
            strong=of(1),
            none=of(0),
            slow=of(2, learning_rate=1e-5),
            proxy=of(1, retain_images="covering"),
            proxy_weak=of(0.1, retain_images="covering"),
            kept=of(1, forget_target="context_kept"),
            kept_again=of(1.0, forget_target="context_kept"),
            loss={"algorithm": "i2i_max_loss", "forget_weight": 0.3},
        )
    )
    assert found == {"strong": {"none": 0, "strong": 1}, "proxy": {"proxy_weak": 0.1, "proxy": 1}}


@pytest.mark.parametrize("left_out", [[], ["recognised"], ["completion_fid", "embedding_cosine"]])
def test_ablation_shows_the_papers_metrics_and_others_where_the_experiment_has_them(results, left_out):
    labels = {
        "completion_fid": "FID (judge features)",
        "embedding_cosine": "Cosine (judge features)",
        "recognised": "Recognised (%)",
        "hole_error": "Hole RMSE",
        "distance_to_retrained": "RMSE to retrained",
    }
    metrics = [metric for metric in EXPERIMENT["evaluation"]["metrics"] if metric not in left_out]
    evaluation = EXPERIMENT["evaluation"] | {"metrics": metrics}
    figure, _ = forget_weight.draw(with_experiment(results, EXPERIMENT | {"evaluation": evaluation}))
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert titles == [label for metric, label in labels.items() if metric not in left_out]
    plt.close(figure)


def test_weight_zero_has_a_place_on_the_axis(results):
    experiment = rows(i2i=of(0), i2i_weak=of(0.1), i2i_strong=of(10))
    figure, _ = forget_weight.draw(with_experiment(results, experiment))
    axis = figure.axes[-1]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["0", "0.1", "10"]
    assert np.isfinite(axis.transData.transform([(0, 0.3), (10, 0.3)])).all()
    plt.close(figure)


def test_nothing_to_set_against_each_other_leaves_an_empty_picture(results):
    evaluation = EXPERIMENT["evaluation"] | {"metrics": ["cost"]}
    figure, _ = retain_versus_forget.draw(with_experiment(results, EXPERIMENT | {"evaluation": evaluation}))
    assert not any(axis.axison for axis in figure.axes)
    plt.close(figure)

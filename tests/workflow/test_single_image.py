"""Forgetting a single image, from its configuration to its table; and Inception's weights, had before any job."""

import json

import pandas as pd
import pytest

from unlearning.io import inception_weights

from ..clone import Clone


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    clone = Clone.make(tmp_path_factory.mktemp("single") / "clone")
    clone.write_experiment(
        base="mnist-single",
        dataset="digits",
        forget_set={"indices": [5]},
        methods={"ascent": {}},
        evaluation__samples=100,
        evaluation__threshold=0.02,
        evaluation__elbo_most_draws=8,
        figures=["forget_fraction", "tradeoff", "normalised"],
    )
    clone.run("--cores", "2", "all", "check")
    return clone.path / "results" / "tiny"


def test_the_table_shows_what_can_be_known_of_a_single_image(results):
    table = pd.read_csv(results / "table.csv", index_col="Method")
    assert list(table.index) == ["original", "retrain", "ascent"]
    for column in ("ELBO rank", "Membership AUC", "Nearest sample / held-out (×)", "Precision (judge features)"):
        assert (table[column] != "–").all(), column
    caption = (results / "table.md").read_text()
    for part in (
        "1 training image to forget, 1436 to retain",
        "of 100 samples from the 1436 retained images",
        "over 8 draws",
    ):
        assert part in caption


def test_the_share_of_a_class_is_not_asked_for(results):
    assert not pd.read_csv(results / "seed0" / "ascent" / "measurements.csv").size
    for name in ("forget_fraction", "tradeoff", "normalised"):
        assert (results / "figures" / f"{name}.svg").stat().st_size > 1000


def test_the_retrained_model_never_saw_the_image_and_the_original_did(results):
    forget_set = json.loads((results / "forget_set.json").read_text())
    assert forget_set["forget"] == [5]
    assert 5 not in forget_set["retain"]
    assert forget_set["forgotten_classes"] == []


def test_weights_that_cannot_be_had_are_named_before_any_job(tmp_path):
    clone = Clone.make(tmp_path / "clone")
    clone.write_experiment(
        evaluation__features="inception",
        evaluation__metrics=["kid", "time_to_unlearn", "statistics_effect", "originality"],
    )
    assert clone.pending()["fetch_weights"] == 1
    (tmp_path / "source" / "inception").mkdir(parents=True)
    (tmp_path / "source" / "inception" / inception_weights.FILE).write_bytes(b"altered")
    done = clone.snakemake("--cores", "2", "--config", f"data_source={tmp_path / 'source'}")
    assert done.returncode != 0
    for part in (
        f"inception: {inception_weights.FILE} could not be had",
        "truncated or altered",
        "Put a whole copy there",
    ):
        assert part in done.stdout + done.stderr
    assert not (clone.path / "data" / "digits" / "raw").exists()

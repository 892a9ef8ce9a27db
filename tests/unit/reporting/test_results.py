"""Results read back."""

import dataclasses

import pandas as pd

from unlearning.reporting.captions import render_caption

from ..made_up import write_results


def test_the_accuracy_of_several_forgotten_classes_is_that_of_any_of_them_and_of_none_is_not_told(tmp_path):
    results = write_results(tmp_path)

    def conditions(*forgotten):
        forget_set = results.forget_set | {"forgotten_classes": list(forgotten)}
        return render_caption("conditions", dataclasses.replace(results, forget_set=forget_set))

    text = "It recognises 72 of the 72 images to forget, and takes 2 of the 288 others for images to forget."
    assert conditions(0, 1).endswith(text)
    assert conditions().endswith("The judge classifies 98.0 % of 360 held-out images correctly.")


def test_notes_and_labels_tell_how_the_losses_were_measured(tmp_path):
    results = write_results(tmp_path)
    rows = [{"metric": "membership_draws", "value": 64.0}, {"metric": "membership_noise_share", "value": 6.25}]
    evaluation = {"samples": 10, "metrics": ["membership", "negative_elbo"]}
    for metrics, bound, part in (
        (rows, "elbo", "by the ELBO of each image over 64 draws of noise"),
        (rows, "importance_weighted", "by the IWAE bound of each image over 64 draws of noise"),
        (rows, "elbo", "and by 2 retrained models of other seeds. Monte Carlo noise is 6.25 % of"),
        (rows[:1], "elbo", "Monte Carlo noise is – % of"),
    ):
        experiment = results.experiment | {"evaluation": evaluation | {"elbo_bound": bound}}
        told = dataclasses.replace(results, experiment=experiment, metrics=pd.DataFrame(metrics))
        assert part in told.notes[0]
        name = "ELBO" if bound == "elbo" else "IWAE bound"
        assert told.descriptions["negative_elbo_heldout_retain"]["label"] == f"−{name} held-out retain"

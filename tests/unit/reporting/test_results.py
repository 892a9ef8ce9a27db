"""Results read back."""

import dataclasses

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

"""Settings of a run are what the configurations have."""

import pytest
import torch

from unlearning.config.experiment import method_settings
from unlearning.config.load import load_experiment
from unlearning.training.settings import UnlearningInputs, UnlearningSettings


@pytest.mark.parametrize("name", ["digits", "mnist", "celeba", "digits-i2i-mae"])
def test_every_row_of_a_configuration_gives_settings(name):
    experiment = load_experiment(name)
    for row in experiment["methods"]:
        settings = method_settings(experiment, row)
        made = UnlearningSettings(**settings)
        assert made.steps == experiment["unlearning"]["steps"] or "steps" in experiment["methods"][row]
        assert (made.adamw is None) == (made.optimizer != "adamw")
        with pytest.raises(TypeError, match="batchsize"):
            UnlearningSettings(**settings, batchsize=1)


def test_forgotten_classes_are_a_tensor_even_if_there_is_none(parts):
    for classes in ([], [1, 2]):
        inputs = UnlearningInputs(**parts, heldout_forget=parts["forget"], forgotten_classes=classes)
        assert torch.equal(inputs.forgotten, torch.tensor(classes, dtype=torch.long))

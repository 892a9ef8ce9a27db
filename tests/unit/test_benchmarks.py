"""The benchmarks, made very short: what they call still exists, and what they compare is comparable."""

import pytest
import torch

from benchmarks import memory, methods, precision, products
from unlearning.config.experiment import method_settings
from unlearning.config.load import load_experiment
from unlearning.methods import uno
from unlearning.runtime.device import prepare_device
from unlearning.training.settings import UnlearningSettings
from unlearning.training.vectors import flatten, trainable


@pytest.fixture(scope="module")
def device():
    return prepare_device("cpu")


@pytest.fixture
def experiment(monkeypatch):
    monkeypatch.setattr(methods, "ROUNDS", 1)
    monkeypatch.setattr(methods, "LOOP_STEPS", 3)
    monkeypatch.setattr(torch, "compile", lambda function: function)  # half a minute, and a C++ compiler
    monkeypatch.setenv("CXX", "true")
    return load_experiment("mnist")


def test_steps_are_given_in_units_of_plain_steps_and_of_surgery_steps(experiment, device):
    kept = ("finetune", "surgery_retain", "uno", "feature_unlearning")
    experiment["methods"] = {row: experiment["methods"][row] for row in kept}
    measured = methods.step_ratios(experiment, device, rounds=2)
    assert set(measured) == {*kept, methods.RELEASED}
    assert measured[methods.RELEASED]["over_released"] == 1
    assert measured["finetune"]["over_finetune"] == measured["surgery_retain"]["over_surgery_retain"] == 1
    assert all(row["ms"] > 0 for row in measured.values())
    # Model, gradients and moments alone are four times 0.6 million numbers of four bytes.
    assert all(10 < row["peak_mib"] < 500 for row in measured.values())


@pytest.mark.parametrize("name", ["mnist", "celeba"])
def test_the_released_step_goes_along_the_same_direction(name, device):
    experiment = load_experiment(name)
    settings = UnlearningSettings(**method_settings(experiment, "uno") | {"batch_size": 4})
    theirs, ours = (methods.make_bench(row, settings, experiment, device) for row in (methods.RELEASED, "uno"))
    theirs.step()
    gradient = flatten([parameter.grad for parameter in trainable(theirs.model)])
    direction = uno.direction(ours.draw(), **settings.parameters)
    torch.testing.assert_close(direction, gradient, rtol=0, atol=1e-4 * gradient.abs().max().item())


def take(experiment, device):
    """64 MiB, or next to nothing in place of the small model that a peak is compared with."""
    torch.ones(2**24 if experiment["dataset"] == "mnist" else 1, device=device)


def test_a_peak_on_a_cpu_is_that_of_the_work_alone_whatever_this_process_holds(experiment, device):
    held = torch.ones(2**27)  # 512 MiB
    assert memory.peak_mib(take, experiment, device) == pytest.approx(64, abs=5)
    assert held.all()


def test_hessian_products_are_exact_to_one_in_ten_thousand(experiment, device):
    measured = products.product_errors(experiment, device, rounds=1)
    for way in ("reverse_over_reverse", "forward_over_reverse"):
        assert max(measured[way][key] for key in ("relative_error", "relative_error_without_onednn")) < 1e-4
        assert measured[way]["peak_mib"] > 5
    assert methods.loop_overhead(experiment, device) > 0
    assert methods.compiled_training(experiment, device, rounds=1)["step_over_plain_step"] > 0


def test_a_loss_curve_is_that_of_its_seed_and_close_to_that_of_less_precision(device, tmp_path):
    measured = precision.compare("mnist", ["float32", "bfloat16"], device, count=128, epochs=3)
    again = precision.compare("mnist", ["float32"], device, count=128, epochs=3)
    losses = {name: [run["losses"] for run in runs] for name, runs in measured["curves"].items()}
    assert losses["float32"] == [run["losses"] for run in again["curves"]["float32"]]
    assert losses["float32"][0] != losses["float32"][1] != losses["bfloat16"][1]
    distances = measured["largest_relative_distance"]
    assert 0 < distances["bfloat16"] < distances["float32, between seeds"]
    precision.draw({"mnist": measured}, tmp_path / "curves.svg")
    assert (tmp_path / "curves.svg").read_text().endswith("</svg>\n")

"""The benchmarks, made very short: what they call still exists, and what they compare is comparable."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import differences, gpu_check, methods, precision, products, table
from unlearning.config.experiment import method_settings
from unlearning.config.load import load_experiment
from unlearning.methods import uno
from unlearning.runtime.device import prepare_device
from unlearning.training import memory
from unlearning.training.settings import UnlearningSettings
from unlearning.training.vectors import flatten, trainable

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def device():
    return prepare_device("cpu")


@pytest.fixture
def experiment(monkeypatch):
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
    # A gradient has 0.6 million numbers of four bytes. Surgery keeps two, and the published ratio of UNO to it is 1.8.
    assert all(2.4 < row["peak_mib"] < 50 for row in measured.values())
    assert 1.5 < measured["uno"]["memory_over_surgery_retain"] < 2.5
    # The page on performance counts the products of 128 images with the two large matrices.
    products = {row: measured[row]["gflop"] * 1e9 / (2 * 128 * 784 * 400) for row in measured}
    counted = {"finetune": 5, "surgery_retain": 10, "uno": 26, methods.RELEASED: 44}
    assert {row: round(products[row]) for row in counted} == counted
    assert measured["uno"]["gflop_over_released"] == 0.59


def test_steps_on_a_transformer_are_given_in_units_of_surgery_steps():
    small = differences.TRANSFORMER | {"width": 16, "depth": 1, "heads": 2}
    measured = differences.measure(small, [1, 8, 8], batch_size=4, rounds=1)
    assert {name for name in table.BOUNDS if name.startswith("transformer: ")} < set(measured)
    assert all(value > 0 for value in measured.values())
    memory, error = "transformer: memory of a step of {} / of surgery", "transformer: error of the second order of {}"
    exact, by_differences = "UNO", "UNO by differences"
    assert measured[memory.format(by_differences)] < measured[memory.format(exact)]
    assert measured[error.format(exact)] < 1e-4
    assert measured[error.format(exact)] < measured[error.format(by_differences)] < 0.05


@pytest.mark.parametrize("name", ["mnist", "celeba"])
def test_the_released_step_goes_along_the_same_direction(name, device):
    experiment = load_experiment(name)
    settings = UnlearningSettings(**method_settings(experiment, "uno") | {"batch_size": 4})
    theirs, ours = (methods.make_bench(row, settings, experiment, device) for row in (methods.RELEASED, "uno"))
    theirs.step()
    gradient = flatten([parameter.grad for parameter in trainable(theirs.model)])
    direction = uno.direction(ours.draw(), **settings.parameters)
    torch.testing.assert_close(direction, gradient, rtol=0, atol=1e-4 * gradient.abs().max().item())


def test_the_memory_of_a_linear_network_is_what_its_layers_keep():
    """Two layers without bias. At the peak, the gradients of all weights are alive, and that of the first result."""
    batch, width = 256, 1024
    first, second = (torch.nn.Linear(width, width, bias=False) for _ in range(2))
    images, weights = torch.rand(batch, width), [first.weight, second.weight]
    numbers = 2 * width * width + batch * width
    peak = memory.peak_mib(lambda: torch.autograd.grad((second(first(images)) ** 2).sum(), weights))
    assert peak == pytest.approx(4 * numbers / 2**20, abs=0.01)


def test_memory_that_exists_before_or_is_freed_does_not_count():
    before = torch.zeros(2**18)
    assert memory.peak_mib(lambda: before.add_(1).view(2, -1)) == 0

    def work():
        first = before + 1
        second = first * 2
        del first
        return second.exp_() + 1

    assert memory.peak_mib(work) == 2


def test_the_accounted_memory_is_that_of_the_process():
    """By the resident memory of a process of its own, which takes nothing else in between."""
    code = (
        "import re, torch; from pathlib import Path; from unlearning.training.memory import peak_mib\n"
        "status = Path('/proc/self/status')\n"
        "def peak(): return int(re.search(r'VmHWM:\\s+(\\d+)', status.read_text()).group(1)) / 1024\n"
        "weight, small = (torch.rand(2**size, requires_grad=True) for size in (24, 4))\n"
        "torch.autograd.grad((small * small).exp().sum(), [small])\n"
        "work = lambda: torch.autograd.grad((weight * weight).exp().sum(), [weight])\n"
        "before = peak(); work(); print(peak() - before, peak_mib(work))"
    )
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'scripts'}:{ROOT}"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    resident, accounted = map(float, done.stdout.split())
    assert accounted == pytest.approx(resident, rel=0.1)


def test_hessian_products_are_exact_to_one_in_ten_thousand(experiment, device):
    measured = products.product_errors(experiment, device, rounds=1)
    for way in ("reverse_over_reverse", "forward_over_reverse"):
        assert max(measured[way][key] for key in ("relative_error", "relative_error_without_onednn")) < 1e-4
        assert measured[way]["peak_mib"] > 5
    assert methods.loop_overhead(experiment, device, rounds=1) > 0
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


def test_the_check_of_a_gpu_measures_everything_where_it_runs(experiment, device, monkeypatch):
    kept = {row: experiment["methods"][row] for row in ("finetune", "surgery_retain", "uno")}
    small = experiment | {"methods": kept, "seeds": [0, 1]}
    monkeypatch.setattr(gpu_check, "load_experiment", lambda _: small)
    monkeypatch.setattr(gpu_check, "ROUNDS", 1)
    monkeypatch.setattr(gpu_check, "REPEATED_STEPS", 2)
    monkeypatch.setattr(gpu_check, "RUNS_AT_A_TIME", (1, 2))
    measured = gpu_check.check(device, seconds=0.3, names=("mnist", "mnist"))
    assert measured["training"]["mnist"]["ms_per_step"] > 0
    rates = measured["throughput_by_runs_at_a_time"]["mnist"]
    assert rates[1] == 1
    assert 0 < rates[2] < 4
    assert measured["repeats_bit_by_bit"] == dict.fromkeys(("training", *kept), True)
    assert measured["difference_from_cpu"] == {"mnist": {"loss": 0, "gradient": 0}}
    assert measured["unlearning_of_mnist"]["minutes"] > 0


def test_without_a_gpu_the_check_says_so(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["gpu_check"])
    monkeypatch.setattr(gpu_check, "prepare_device", lambda _: torch.device("cpu"))
    with pytest.raises(SystemExit, match="torch sees no GPU here"):
        gpu_check.main()

"""The benchmarks, made very short: what they call still exists, and what they compare is comparable."""

import pytest
import torch

import update_readme
from benchmarks import memory, methods, precision, products
from unlearning.config.experiment import method_settings
from unlearning.config.load import load_experiment
from unlearning.io.files import write_json
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


def test_what_was_measured_stands_between_its_marks_device_by_device(tmp_path, monkeypatch):
    each = {
        "steps": {
            "finetune": {
                "ms": 1.5,
                "over_finetune": 1.0,
                "over_surgery_retain": 0.5,
                "over_released": 0.1,
                "peak_mib": 21.7,
            },
            "uno": {
                "ms": 6.9,
                "over_finetune": 4.6,
                "over_surgery_retain": 2.3,
                "over_released": 0.6,
                "peak_mib": 44.2,
            },
        },
        "hessian_vector_products": {
            "reverse_over_reverse": {
                "ms": 3.0,
                "relative_error": 1.1e-6,
                "relative_error_without_onednn": 9e-7,
                "peak_mib": 21.3,
            },
            "made_up": {"ms": 2.0, "relative_error": 0.03, "peak_mib": None},
        },
        "compiled_training": {"seconds_to_compile": 31.0, "step_over_plain_step": 0.9},
        "training_loop_over_bare_arithmetic": 1.07,
    }
    measured = {
        "mnist": each,
        "celeba": each | {"training_loop_over_bare_arithmetic": None},
        "environment": {"cpu": "a CPU", "packages": {"torch": "2.15.0"}, "commit": "0123456789abc", "dirty": False},
    }
    for device, gpu in (("cpu", None), ("cuda", "a GPU")):
        written = measured | {"device": {"device": device, "gpu": gpu, "threads": 1}}
        write_json(tmp_path / f"benchmark_methods_{device}.json", written)
    (tmp_path / "report").mkdir()
    pages = tmp_path / "README.md", tmp_path / "report" / "results.md"
    for page in pages:
        page.write_text("before\n<!-- benchmarks: begin -->\nold\n<!-- benchmarks: end -->\nafter\n")
    monkeypatch.setattr(update_readme, "ROOT", tmp_path)
    monkeypatch.setattr(update_readme, "load_settings", lambda _: {"results": tmp_path})
    for _ in range(2):  # the second time it replaces its own
        update_readme.main()
        lines = [line.replace(" ", "") for line in pages[1].read_text().splitlines()]
        assert (lines[0], lines[-1]) == ("before", "after")
        assert "old" not in lines
        assert lines.count("|uno|6.9|4.6|2.3|0.6|44.2|") == 4
        assert lines.count("|reverse_over_reverse|3|1.1e-06|9e-07|21.3|") == 4
        assert lines.count("|made_up|2|0.03|–|–|") == 4
        assert lines.index("OnaCPU,threads:1,torch2.15.0,commit0123456789:") < lines.index(
            "OnaGPU,threads:1,torch2.15.0,commit0123456789:"
        )
        assert sum("1.07×itsbarearithmetic" in line for line in lines) == 2

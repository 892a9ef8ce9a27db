"""Training in several processes: what one trains, also when interrupted; and the end of a process that fails."""

import os
import signal
import threading
import time

import numpy as np
import pytest
import torch
from torch import distributed
from torch.multiprocessing import ProcessExitedException, ProcessRaisedException

import train as in_one_process
import train_in_processes
from unlearning.data.dataset import Dataset
from unlearning.data.forget_set import ForgetSet
from unlearning.io.files import read_columns, read_json
from unlearning.io.tensors import read_tensors
from unlearning.networks import generative
from unlearning.runtime import gpus, stop
from unlearning.runtime.checkpoint import Checkpoint
from unlearning.training import processes
from unlearning.training.processes import SharedCheckpoint, run_in_processes, shared_losses
from unlearning.training.train import TrainingOptions, losses_of_images, train
from unlearning.training.vectors import flatten, trainable

DIT = {
    **{"classes": 3, "patch": 4, "width": 8, "depth": 1, "heads": 2, "objective": "flow", "learned_variance": False},
    **{"label_dropout": 0.1, "guidance": 1.0, "sampler": "euler", "sampling_steps": 2},
}
VAE = {"classes": 3, "hidden_units": [8], "latent_dimensions": 2, "label_dropout": 0.1}
MODELS = [{"dit": DIT}, {"conditional_vae": VAE}]
OPTIONS = TrainingOptions(accumulation=2, average=0.9, warm_up=3, cosine_decay=True)  # parts of 4 and 3 images


@pytest.fixture(autouse=True)
def nobody_asks_to_stop():
    yield
    stop.requested.clear()


def images_and_labels():
    generator = torch.Generator().manual_seed(0)
    images = (torch.rand(20, 1, 8, 8, generator=generator) * 255).to(torch.uint8)
    return images, torch.arange(20) % 3


def trained(configuration, make_losses, checkpoint):
    """Weights and loss curve of a short training."""
    images, labels = images_and_labels()
    model = generative.build(configuration, [1, 8, 8], seed=0)
    losses = make_losses(model, images, labels, precision="float32", compiled=False)
    settings = {"epochs": 4, "batch_size": 7, "learning_rate": 1e-2, "seed": 0}
    result = train(model, losses, torch.arange(20), **settings, checkpoint=checkpoint, options=OPTIONS)
    return flatten([parameter.detach() for parameter in trainable(model)]), torch.tensor(result.losses)


class Stopped(SharedCheckpoint):
    """Saves after every step, and is asked to stop after some of them: the first process alone knows."""

    def due(self):
        super().due()
        self.steps = getattr(self, "steps", 0) + 1
        if self.steps == 3 and distributed.get_rank() == 0:
            stop.requested.set()
        return True


def train_and_resume(device, folder):
    """Train each model without a break, and again with one; each process says what it has."""
    results = []
    for number, configuration in enumerate(MODELS):
        results += trained(configuration, shared_losses, SharedCheckpoint(folder / f"whole{number}", "key"))
        with pytest.raises(SystemExit, match=str(stop.EXIT_CODE)):
            trained(configuration, shared_losses, Stopped(folder / f"state{number}", "key"))
        stop.requested.clear()
        saved = torch.load(folder / f"state{number}", weights_only=True)
        assert saved["state"]["results"]["steps"] == 3
        results += trained(configuration, shared_losses, SharedCheckpoint(folder / f"state{number}", "key"))
    torch.save(results, folder / f"results{distributed.get_rank()}")


def test_two_processes_train_what_one_trains_and_resume_bit_for_bit(tmp_path):
    run_in_processes(2, "cpu", train_and_resume, tmp_path)
    first, second = (torch.load(tmp_path / f"results{rank}", weights_only=True) for rank in (0, 1))
    assert all(map(torch.equal, first, second))
    for number, configuration in enumerate(MODELS):
        weights, curve, resumed_weights, resumed_curve = first[4 * number : 4 * number + 4]
        assert torch.equal(weights, resumed_weights)
        assert torch.equal(curve, resumed_curve)
        alone = Checkpoint(tmp_path / f"alone{number}", "key")
        expected, expected_curve = trained(configuration, losses_of_images, alone)
        # Adam divides by the size of a gradient. That of a key's bias is 0 but for rounding.
        torch.testing.assert_close(weights, expected, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(curve, expected_curve, rtol=1e-5, atol=0)


def fail_in_the_second(device, how):
    if distributed.get_rank() == 1:
        if how == "raises":
            raise ValueError("only in the second process")
        os.kill(os.getpid(), signal.SIGKILL)
    distributed.all_reduce(torch.zeros(1))


@pytest.mark.parametrize(
    ("how", "said"), [("raises", "only in the second process"), ("is killed", "SIGKILL|Connection closed by peer")]
)
def test_a_process_that_ends_ends_the_others_with_its_error(how, said, capfd):
    started = time.monotonic()
    with pytest.raises((ProcessRaisedException, ProcessExitedException)) as error:
        run_in_processes(2, "cpu", fail_in_the_second, how)
    said_somewhere = f"{error.value}{capfd.readouterr().err}"
    assert any(text in said_somewhere for text in said.split("|"))
    assert time.monotonic() - started < 600, "it waited for what never comes"


@pytest.fixture
def arguments(tmp_path):
    """Arguments of both scripts, with the names of the files that they write."""
    images, labels = images_and_labels()
    nothing, train_split = np.empty((20, 0), np.uint8), np.arange(20) < 18
    Dataset(images.numpy(), labels.numpy(), nothing, train_split, ["a", "b", "c"], []).save(tmp_path / "dataset")
    ForgetSet([0, 3], [1, 2, *range(4, 18)], [18], [19], [], []).save(tmp_path / "forget_set", {"indices": [0, 3]})
    return {
        **{"experiment": "tiny", "method": "retrain", "seed": 0, "device": "cpu", "code": "c"},
        **{name: tmp_path / name for name in ("dataset", "forget_set")},
        "architecture": {"conditional_vae": VAE},
        "training": {"epochs": 3, "batch_size": 8, "learning_rate": 1e-2, "processes": 2},
    }


def outputs(folder):
    folder.mkdir()
    return {name: folder / name for name in ("model", "optimizer", "losses", "record")}


def test_a_job_asked_to_stop_passes_it_on_and_ends_with_its_state_saved(arguments, tmp_path):
    files, training = outputs(tmp_path / "together"), arguments["training"]
    training["epochs"] = 20000

    def stop_when_saved():
        while not (tmp_path / "together" / "model.resume").is_file():
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop_when_saved, daemon=True).start()
    with pytest.raises(SystemExit) as end:
        train_in_processes.main(**arguments, **files)
    assert end.value.code == stop.EXIT_CODE
    assert not files["model"].exists()
    steps = torch.load(tmp_path / "together" / "model.resume", weights_only=True)["state"]["results"]["steps"]
    assert 0 < steps < 2 * training["epochs"]


def test_the_script_writes_what_train_writes(arguments, tmp_path):
    together, alone = outputs(tmp_path / "together"), outputs(tmp_path / "alone")
    train_in_processes.main(**arguments, **together)
    in_one_process.main(**arguments, **alone)
    for name in ("model", "optimizer"):
        (found, header), (expected, expected_header) = (read_tensors(files[name]) for files in (together, alone))
        assert header == expected_header
        assert found.keys() == expected.keys()
        for key, array in found.items():
            np.testing.assert_allclose(array, expected[key], rtol=1e-3, atol=1e-5, err_msg=key)
    losses = [[float(value) for value in read_columns(files["losses"])["loss"]] for files in (together, alone)]
    np.testing.assert_allclose(*losses, rtol=1e-5)
    records = [read_json(files["record"]) for files in (together, alone)]
    assert records[0].keys() == records[1].keys()
    assert records[0]["config_sha256"] == records[1]["config_sha256"]
    assert {path.name for path in (tmp_path / "together").iterdir()} == set(together)


def test_batch_normalisation_is_refused():
    model = generative.build({"vae": {"hidden_units": 4, "latent_dimensions": 2}}, [1, 8, 8], 0)
    with pytest.raises(ValueError, match=r"training.processes: a model with batch normalisation is trained by one"):
        shared_losses(model, *images_and_labels(), precision="float32", compiled=False)


@pytest.mark.parametrize(("there", "device"), [(1, "auto"), (1, "cuda"), (0, "cuda")])
def test_fewer_gpus_than_processes_are_an_error(monkeypatch, there, device):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: there)
    with pytest.raises(RuntimeError, match=f"training.processes = 2: each process needs a GPU, and torch sees {there}"):
        processes._claim_cards(2, device)


@pytest.mark.parametrize(("visible", "expected"), [(None, ["0", "2"]), ("4, GPU-x,7", ["4", "7"])])
def test_each_process_sees_the_card_that_is_held_for_it(monkeypatch, visible, expected):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    properties = [type("Properties", (), {"uuid": f"uuid{index}"}) for index in range(3)]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(torch.cuda, "get_device_properties", properties.__getitem__)
    monkeypatch.setattr(gpus, "claim_several", lambda cards, count: [cards[0], cards[2]])
    assert processes._claim_cards(2, "cuda") == expected


def test_without_a_gpu_auto_takes_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert processes._claim_cards(2, "auto") == processes._claim_cards(2, "cpu") == []

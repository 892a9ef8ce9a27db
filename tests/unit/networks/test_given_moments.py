"""The state of Adam from a training elsewhere: in which order it is read, and what is refused."""

import copy
import math
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from unlearning.networks import generative, given_weights
from unlearning.networks.given_moments import load_moments, ordered_parameters
from unlearning.training.optimisers import Adam, moments_by_name
from unlearning.training.vectors import flatten, trainable

PREFIXES = {"rename": {"prefixes": {"second.": "mean.", "first.": "log_variance."}}}


@pytest.fixture
def network():
    return generative.build({"vae": {"hidden_units": 5, "latent_dimensions": 2}}, [1, 4, 4], 0)


@pytest.fixture
def state(network):
    """The state dict of torch's Adam after three steps, each along the weights themselves."""
    model = copy.deepcopy(network)
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(3):
        for parameter in model.parameters():
            parameter.grad = parameter.detach().clone()
        optimizer.step()
    return optimizer.state_dict()


@pytest.fixture
def read(network, tmp_path):
    """Save a content, and read it as the moments of the network."""
    names = [name for name, _ in network.named_parameters()]

    def read(content, **entry):
        torch.save(content, tmp_path / "adam.pth")
        return load_moments(network, names, tmp_path / "adam.pth", entry, "original.moments")

    return read


def test_the_moments_are_those_of_this_project_s_adam(network, state, read):
    ours = copy.deepcopy(network)
    optimizer = Adam(ours, 1e-3)
    for _ in range(3):
        optimizer.descend(flatten([parameter.detach() for parameter in trainable(ours)]))
    expected = moments_by_name(ours, optimizer.state)
    for moments in (read(state), read({"epoch": 3, "adam": state}, entry="adam")):
        assert moments.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(moments[name], value, msg=name)


def test_a_file_larger_than_memory_is_refused(state, read, monkeypatch):
    monkeypatch.setattr(given_weights.psutil, "virtual_memory", lambda: SimpleNamespace(available=100))
    with pytest.raises(ValueError, match=r"original.moments: .*only 0.0 GiB are free; use a machine with more memory"):
        read(state)


def test_the_order_is_that_of_the_file_of_weights(network, tmp_path):
    state = network.state_dict()
    names = [name for name, _ in network.named_parameters()]
    torch.save(state, tmp_path / "a.pth")
    assert ordered_parameters(network, tmp_path / "a.pth", {}, "key") == names
    theirs = {"mean.": "second.", "log_variance.": "first."}
    renamed = {
        theirs.get(prefix, prefix) + name.removeprefix(prefix): state[name]
        for prefix in ("log_variance.", "mean.", "encoder.", "decoder.")
        for name in state
        if name.startswith(prefix)
    }
    torch.save(renamed, tmp_path / "b.pth")
    ordered = ordered_parameters(network, tmp_path / "b.pth", PREFIXES, "key")
    assert ordered[:4] == ["log_variance.weight", "log_variance.bias", "mean.weight", "mean.bias"]
    assert sorted(ordered) == sorted(names)
    save_file(renamed, tmp_path / "c.safetensors")
    assert ordered_parameters(network, tmp_path / "c.safetensors", PREFIXES, "key") == names


def change(state, number, **values):
    changed = copy.deepcopy(state)
    changed["state"][number] |= values
    return changed


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda _: nn.Linear(2, 2), "no whole file of torch.save, or one that holds more than tensors and numbers"),
        (lambda _: {"a": 1}, "not the state dict of an optimiser; save torch.save"),
        (lambda _: [1], "not the state dict of an optimiser"),
        (lambda state: state | {"param_groups": state["param_groups"] * 2}, "has 2 groups of parameters, but only one"),
        (lambda state: state | {"param_groups": [{"params": [0, 1]}]}, "of 2 parameters, but the model has 14; name"),
        (lambda state: state | {"state": {}}, "not step, exp_avg and exp_avg_sq for each parameter, as Adam has"),
        (lambda state: change(state, 2, max_exp_avg_sq=1), "not step, exp_avg and exp_avg_sq for each parameter, as"),
        (
            lambda state: change(state, 0, exp_avg=torch.ones(5)),
            "exp_avg of 'encoder.1.weight': shape 5 in the file, 5×",
        ),
        (lambda state: change(state, 0, exp_avg=[1]), "exp_avg of 'encoder.1.weight': shape list in the file"),
        (
            lambda state: change(state, 1, exp_avg=torch.ones(5).half()),
            "torch.float16 in the file, torch.float32 in th",
        ),
        (
            lambda state: change(state, 1, exp_avg=torch.full((5,), math.nan)),
            "has numbers that are NaN, infinite or, in",
        ),
        (lambda state: change(state, 1, exp_avg_sq=-torch.ones(5)), "exp_avg_sq of 'encoder.1.bias': has numbers that"),
        (
            lambda state: change(state, 1, step=torch.tensor(4.0)),
            "the numbers of steps are [3.0, 4.0], but must be one",
        ),
        (lambda state: change(state, 1, step=math.nan), "the numbers of steps are [3.0], but must be one for all"),
    ],
)
def test_what_does_not_fit_is_named(state, read, content, said):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        read(content(state))
    assert said in str(error.value)


def test_an_entry_that_is_not_there_is_named(state, read):
    with pytest.raises(ValueError, match=r"original.moments.entry = 'adam': no such entry"):
        read(state, entry="adam")

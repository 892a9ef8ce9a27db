"""Exported weights load into the code that made the original, and compute there what they compute here."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from unlearning.networks.exporting import export
from unlearning.networks.given_weights import load_given

from .test_given_weights import PLAIN, RENAME, Network


def changed_network(source, weights):
    """A network with the weights of a file, and then other ones."""
    network = Network().eval()
    load_given(network, source, weights, "k")
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
    return network


@pytest.mark.parametrize(("suffix", "entry"), [("pth", None), ("pth", "model"), ("safetensors", None)])
def test_the_file_has_the_names_and_the_kind_of_its_original(tmp_path, suffix, entry):
    source, path = tmp_path / f"source.{suffix}", tmp_path / f"export.{suffix}"
    state = PLAIN.state_dict() | {"unused": torch.arange(3)}
    if suffix == "pth":
        torch.save({"epoch": 1, entry: state} if entry else state, source)
    else:
        save_file(state, source)
    weights = {**RENAME, "leave_out": ["unused"]} | ({"entry": entry} if entry else {})
    network, x = changed_network(source, weights), torch.randn(5, 3)
    export(network.state_dict(), path, source, weights)
    own = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).eval()
    exported = load_file(path) if suffix == "safetensors" else torch.load(path, weights_only=True)
    exported = exported[entry] if entry else exported
    assert list(exported) == list(state) or suffix == "safetensors"
    assert torch.equal(exported.pop("unused"), torch.arange(3))
    own.load_state_dict(exported)
    torch.testing.assert_close(own(x), network(x), rtol=0, atol=0)
    first = path.read_bytes()
    export(network.state_dict(), path, source, weights)
    assert path.read_bytes() == first


def test_a_model_that_was_trained_here_keeps_its_names(tmp_path):
    network = Network()
    export(network.state_dict(), tmp_path / "a.safetensors", None, None)
    assert load_file(tmp_path / "a.safetensors").keys() == network.state_dict().keys()

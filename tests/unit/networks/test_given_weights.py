"""Weights that were trained elsewhere: what is read, what is renamed, and how what does not fit is refused."""

import os
import pickle
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from unlearning.networks import given_weights, pickled_module
from unlearning.networks.given_weights import load_given, read_state
from unlearning.networks.pickled_module import module_state
from unlearning.networks.renaming import renamed

PLAIN = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).eval()


class Network(nn.Module):
    """The same layers as `PLAIN`, under other names."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Linear(3, 2), nn.BatchNorm1d(2)

    def forward(self, x):
        return self.norm(self.first(x))


class Own(nn.Module):
    """A module of a user, with a layer that is not used and a buffer that is not saved."""

    def __init__(self):
        super().__init__()
        self.first, self.unused = nn.Linear(3, 2), nn.Sequential(nn.BatchNorm1d(2), nn.ReLU())
        self.register_buffer("cache", torch.zeros(1), persistent=False)


class Attack:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


RENAME = {"rename": {"prefixes": {"0.": "first."}, "patterns": {r"1\.(.*)": r"norm.\1"}}}


@pytest.fixture
def file(tmp_path):
    """Write something as a user would, and return the file."""

    def write(content, name="weights.pth"):
        (save_file if name.endswith("safetensors") else torch.save)(content, tmp_path / name)
        return tmp_path / name

    return write


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors", "safetensors.bin"])
def test_the_network_computes_what_the_file_s_network_computes(file, name):
    network, x = Network().eval(), torch.randn(5, 3)
    load_given(network, file(PLAIN.state_dict(), name), RENAME, "original.weights")
    torch.testing.assert_close(network(x), PLAIN(x), rtol=0, atol=0)


def test_a_part_of_a_checkpoint_is_read(file):
    path = file({"epoch": 3, "model": PLAIN.state_dict()})
    load_given(Network(), path, {"entry": "model", **RENAME}, "original.weights")
    with pytest.raises(ValueError, match=r"not a state dict: epoch, model hold no tensor; write one of model under k"):
        load_given(Network(), path, RENAME, "k")
    with pytest.raises(ValueError, match=r"k.entry = 'net': no such entry; the file holds epoch, model"):
        load_given(Network(), path, {"entry": "net"}, "k")


def test_the_longest_prefix_wins_and_the_rest_stays():
    weights = {"rename": {"prefixes": {"a.": "b.", "a.a.": "c."}}, "leave_out": ["x"]}
    assert renamed(["a.w", "a.a.w", "w", "x.w"], weights, "k") == {"a.w": "b.w", "a.a.w": "c.w", "w": "w"}


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({"leave_out": ["y"]}, r"k.leave_out: 'y' fits no tensor of the file; its tensors are a.w, b.w"),
        ({"rename": {"prefixes": {"c.": ""}}}, r"k.rename.prefixes: 'c.' fits no tensor"),
        ({"rename": {"patterns": {"a": "b"}}}, r"k.rename.patterns: 'a' fits no tensor"),
        ({"rename": {"prefixes": {"a.": "b."}}}, r"k.rename: 'a.w' and 'b.w' would both become 'b.w'"),
    ],
)
def test_a_renaming_that_cannot_be_meant_is_refused(weights, said):
    with pytest.raises(ValueError, match=said):
        renamed(["a.w", "b.w"], weights, "k")


def changed(**tensors):
    return PLAIN.state_dict() | {name.replace("_", ".", 1): tensor for name, tensor in tensors.items()}


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({}, "holds nothing, not a state dict"),
        ([torch.zeros(2)], "holds list, not a state dict"),
        (torch.zeros(2), "holds Tensor, not a state dict"),
        (
            changed(**{"0_weight": torch.zeros(2, 4)}),
            "6 of the model's 7 tensors are in the file:\n  'first.weight': shape 2×4 in the file, 2×3 in the model",
        ),
        (
            changed(**{"0_weigth": torch.zeros(2, 3)}),
            "'first.weigth' of the file, shape 2×3: not in the model; nearest: 'first.weight'",
        ),
        (
            {name: value for name, value in PLAIN.state_dict().items() if name != "0.bias"},
            "'first.bias' of the model, shape 2: not in the file",
        ),
        (
            {name: value.half() for name, value in PLAIN.state_dict().items()},
            "'first.weight': float16 in the file, float32 in the model; save that of",
        ),
        (
            changed(**{"1_running_var": torch.tensor([1.0, float("nan")])}),
            "'norm.running_var': 1 of 2 numbers are NaN or infinite",
        ),
        ({f"0.{n}": torch.zeros(1) for n in range(9)} | changed(), "and 1 more differences"),
    ],
)
def test_other_tensors_are_named(file, state, said):
    with pytest.raises(ValueError, match=r"weights.pth: configs/x.yaml: original.weights") as error:
        load_given(Network(), file(state), RENAME, "configs/x.yaml: original.weights")
    assert said in str(error.value)


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_a_truncated_file_is_refused(file, name):
    path = file(PLAIN.state_dict(), name)
    for size in (path.stat().st_size - 20, 60, 5, 0):
        os.truncate(path, size)
        with pytest.raises(ValueError, match=r"truncated"):
            read_state(path, {}, "k")


def test_a_file_larger_than_memory_is_refused(file, monkeypatch):
    monkeypatch.setattr(given_weights.psutil, "virtual_memory", lambda: SimpleNamespace(available=100))
    with pytest.raises(ValueError, match=r"only 0.0 GiB are free; use a machine with more memory"):
        read_state(file(PLAIN.state_dict()), {}, "k")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_pickle_that_is_a_program_is_not_run(tmp_path, file):
    (tmp_path / "bare.pkl").write_bytes(pickle.dumps(Attack(tmp_path / "made")))
    for path in (file({"a": Attack(tmp_path / "made")}), tmp_path / "bare.pkl"):
        with pytest.raises(ValueError, match=r"k: "):
            read_state(path, {}, "k")
        with pytest.raises(ValueError, match=r"posix.mkdir|damaged"):
            module_state(path, ["torch.nn.Linear"])
        with pytest.raises(ValueError, match=r"posix.mkdir|damaged"):  # a class is no function
            module_state(path, ["os.mkdir", "posix.mkdir"])
    assert not (tmp_path / "made").exists()


def test_a_pickled_module_is_read_through_the_list_of_its_classes(file, tmp_path):
    module = Own()
    path = file(module)
    name = f"{__name__}.Own"
    with pytest.raises(ValueError, match=rf"holds a pickled object of the class {name}, whose code would run"):
        read_state(path, {}, "k")
    with pytest.raises(ValueError, match=r"class or function torch.nn.modules.batchnorm.BatchNorm1d, which is not"):
        module_state(path, [name, "torch.nn.Linear", "torch.nn.Sequential"])
    classes = [name, *(f"torch.nn.{part}" for part in ("Linear", "Sequential", "BatchNorm1d", "ReLU"))]
    state = read_state(path, {"classes": classes}, "k")
    assert state.keys() == module.state_dict().keys()
    assert all(torch.equal(state[key], tensor) for key, tensor in module.state_dict().items())


def test_a_pickled_module_of_something_else_is_refused(file):
    with pytest.raises(ValueError, match=r"it holds no module; leave the key out"):
        module_state(file(PLAIN.state_dict()), ["torch.nn.Linear"])


def test_a_pickled_module_is_read_without_a_network():
    """In a network of its own, a process has the device lo alone, which is down: nothing can be sent."""
    program = (
        "from unlearning.networks.pickled_module import give_up_network\n"
        "import socket\n"
        "print(give_up_network(), [name for _, name in socket.if_nameindex()])"
    )
    scripts = pickled_module.Path(pickled_module.__file__).parents[2]
    said = subprocess.run([sys.executable, "-c", program], cwd=scripts, capture_output=True, text=True, check=True)
    if said.stdout.startswith("False"):
        pytest.skip("reason: this system lets no process give up the network")
    assert said.stdout.strip() == "True ['lo']"


def test_a_zip_file_of_something_else_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(ValueError, match=r"neither a whole safetensors file nor a whole file of torch.save"):
        read_state(tmp_path / "a.zip", {}, "k")

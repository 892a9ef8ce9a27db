"""One file of arrays: the same bytes for the same arrays, mapped when read, refused when damaged."""

import mmap

import numpy as np
import pytest
from safetensors.numpy import save_file

from unlearning.io.tensors import read_tensors, write_tensors

from ...process import python


def test_the_same_tensors_give_the_same_bytes_in_every_process(tmp_path):
    code = (
        "import sys, pathlib, numpy\nfrom unlearning.io.tensors import write_tensors\n"
        "tensors, header = {'b': numpy.ones(2), 'a': numpy.array(3)}, {'x': 1, 'y': [2], 'z': {}}\n"
        "write_tensors(pathlib.Path(sys.argv[1]), tensors, header)"
    )
    for number in range(4):
        assert python(code, tmp_path / str(number)).wait() == 0
    assert len({(tmp_path / str(number)).read_bytes() for number in range(4)}) == 1
    arrays, header = read_tensors(tmp_path / "0")
    assert arrays["a"].shape == ()
    assert arrays["b"].tolist() == [1, 1]
    assert header == {"x": 1, "y": [2], "z": {}}


@pytest.mark.parametrize("damage", [lambda content: content[:-8], lambda content: b"", lambda content: b"\x00" * 64])
def test_a_damaged_file_of_tensors_is_named(tmp_path, damage):
    path = tmp_path / "model.safetensors"
    write_tensors(path, {"a": np.arange(6.0), "b": np.zeros((2, 3), np.uint8)}, {"x": [1]})
    arrays, header = read_tensors(path)
    assert header == {"x": [1]}
    assert arrays["a"].tolist() == list(range(6))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"model\.safetensors: not a whole file .*; delete it and run again"):
        read_tensors(path)


def test_a_changed_value_in_a_file_of_tensors_is_noticed(tmp_path):
    path = tmp_path / "model.safetensors"
    write_tensors(path, {"a": np.arange(6.0)})
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"\x01")
    with pytest.raises(ValueError, match="changed since it was written"):
        read_tensors(path)


def test_tensors_are_mapped_from_their_file_and_writing_to_them_does_not_reach_it(tmp_path):
    path = tmp_path / "a.safetensors"
    written = {
        "images": np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
        "flags": np.array([True, False, True]),
        "values": np.linspace(0, 1, 5),
        "numbers": np.arange(3),
        "nothing": np.zeros((2, 0), np.float32),
        "one": np.array(3, np.float32),
    }
    write_tensors(path, written, {"of": "anything"})
    content = path.read_bytes()
    read, header = read_tensors(path)
    assert header == {"of": "anything"}
    assert read.keys() == written.keys()
    for name, array in written.items():
        np.testing.assert_array_equal(read[name], array, strict=True)
    base = read["images"]
    while isinstance(base, np.ndarray):
        base = base.base
    assert isinstance(base, mmap.mmap)
    read["images"][:] = 0
    assert path.read_bytes() == content


def test_a_file_of_tensors_that_somebody_else_wrote_is_refused(tmp_path):
    save_file({"a": np.arange(6.0)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="not a whole file of this project"):
        read_tensors(tmp_path / "model.safetensors")

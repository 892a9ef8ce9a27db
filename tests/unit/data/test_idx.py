"""Data sets in MNIST's format are read as they were written."""

import gzip

import numpy as np
import pytest

from unlearning.data import idx

from ...miniature import write_idx


@pytest.mark.parametrize("read", [idx.read, idx.read_unpacked])
def test_pictures_and_labels_are_read_as_they_were_written(tmp_path, read):
    description, arrays = write_idx(tmp_path / "raw")
    if read is idx.read_unpacked:
        for path in list((tmp_path / "raw").iterdir()):
            path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
            path.unlink()
        description["files"] = {name.removesuffix(".gz"): "" for name in arrays}
    data = read(tmp_path / "raw", description)
    np.testing.assert_array_equal(data.images[:5, 0], arrays["train-images-idx3-ubyte.gz"])
    np.testing.assert_array_equal(data.images[5:, 0], arrays["t10k-images-idx3-ubyte.gz"])
    assert data.labels.tolist() == [0, 1, 2, 1, 0, 2, 0]
    assert data.train.tolist() == [True] * 5 + [False] * 2

"""Data sets in MNIST's format are read as they were written."""

import numpy as np

from unlearning.data import idx

from ...miniature import write_idx


def test_pictures_and_labels_are_read_as_they_were_written(tmp_path):
    description, arrays = write_idx(tmp_path / "raw")
    data = idx.read(tmp_path / "raw", description)
    np.testing.assert_array_equal(data.images[:5, 0], arrays["train-images-idx3-ubyte.gz"])
    np.testing.assert_array_equal(data.images[5:, 0], arrays["t10k-images-idx3-ubyte.gz"])
    assert data.labels.tolist() == [0, 1, 2, 1, 0, 2, 0]
    assert data.train.tolist() == [True] * 5 + [False] * 2

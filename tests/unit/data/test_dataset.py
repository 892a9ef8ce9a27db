"""The format that data sets are prepared into."""

import numpy as np

from unlearning.data.dataset import Dataset


def test_a_prepared_data_set_survives_its_file(tmp_path):
    dataset = Dataset(
        images=np.arange(24, dtype=np.uint8).reshape(3, 2, 2, 2),
        labels=np.array([1, 0, 1]),
        attributes=np.array([[0, 1], [1, 1], [0, 0]], np.uint8),
        train=np.array([True, True, False]),
        classes=["square", "cross"],
        attribute_names=["red", "large"],
    )
    dataset.save(tmp_path / "prepared.safetensors")
    loaded = Dataset.load(tmp_path / "prepared.safetensors")
    for name in ("images", "labels", "attributes", "train"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(dataset, name), strict=True)
    assert loaded.classes == dataset.classes
    assert loaded.attribute_names == dataset.attribute_names

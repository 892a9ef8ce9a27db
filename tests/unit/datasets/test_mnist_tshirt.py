"""The digits are those of MNIST, and the copies are those of one T-shirt."""

import numpy as np
import pytest

from unlearning.data.dataset import Dataset
from unlearning.datasets import fashion_mnist, mnist, mnist_tshirt
from unlearning.metrics.nearest_sample import nearest_distances

COUNT = mnist_tshirt.COPIES


def test_checksums_are_those_of_the_two_data_sets():
    parts = (mnist, fashion_mnist)
    expected = {f"{part.DATASET['name']}/{name}": of for part in parts for name, of in part.DATASET["files"].items()}
    assert mnist_tshirt.DATASET["files"] == expected


def test_copies_are_one_percent_of_the_training_images():
    images = mnist_tshirt.DATASET["train_images"]
    assert images[:-1] == mnist.DATASET["train_images"]
    assert images[-1] == COUNT == round(sum(images) / 100)


def test_copies_follow_the_training_digits_and_no_copy_is_held_out():
    generator = np.random.default_rng(0)
    digits = Dataset(
        images=generator.integers(0, 256, (5, 1, 2, 2), dtype=np.uint8),
        labels=np.array([3, 1, 4, 1, 5]),
        attributes=np.empty((5, 2), np.uint8),
        train=np.arange(5) < 3,
        classes=[str(digit) for digit in range(10)],
        attribute_names=["thick", "slanted"],
    )
    tshirt = np.full((1, 2, 2), 7, np.uint8)
    data = mnist_tshirt.with_copies(digits, tshirt)
    of_copy = data.labels == data.classes.index("T-shirt")
    assert of_copy.sum() == COUNT
    assert (data.images[of_copy] == tshirt).all()
    assert data.train.tolist() == [True] * (3 + COUNT) + [False] * 2
    np.testing.assert_array_equal(data.images[~of_copy], digits.images)
    np.testing.assert_array_equal(data.labels[~of_copy], digits.labels)
    assert data.train[of_copy].all()
    assert data.attributes.shape == (5 + COUNT, 0)


def test_the_real_files_give_the_benchmark(mnist_source, tmp_path):
    if not any((mnist_source / name).is_dir() for name in ("fashion_mnist", "fashion-mnist")):
        pytest.skip(reason=f"{mnist_source}: holds no Fashion-MNIST")
    mnist_tshirt.fetch(tmp_path, str(mnist_source))
    data = mnist_tshirt.read(tmp_path)
    for split, key in ((data.train, "train_images"), (~data.train, "heldout_images")):
        assert np.bincount(data.labels[split], minlength=11).tolist() == mnist_tshirt.DATASET[key]
    copies = data.images[data.labels == 10]
    assert (copies == copies[0]).all()
    clothes = fashion_mnist.read(tmp_path / "fashion_mnist")
    assert fashion_mnist.DATASET["classes"][clothes.labels[mnist_tshirt.TSHIRT]] == "T-shirt"
    np.testing.assert_array_equal(copies[0], clothes.images[mnist_tshirt.TSHIRT])
    digits = data.images[data.labels != 10][::20]
    distances = nearest_distances(digits, copies[:1]) / 255
    assert distances.min() > 10, "no digit is a copy by the benchmark's distance"

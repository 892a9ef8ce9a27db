"""Data sets in miniature: made-up pictures in exactly the files of the real data sets."""

import gzip
import hashlib
import re
import shutil
import struct
import sys
import textwrap

import numpy as np
from PIL import Image

from unlearning.data import attribute_table
from unlearning.data.description import describe_dataset
from unlearning.datasets.celeba import DATASET
from unlearning.plugins import describe
from unlearning.plugins.describe import describe_plugin

WIDTH, HEIGHT = 178, 218
TABLES = ("list_attr_celeba.txt", "list_eval_partition.txt")


def write_celeba(folder, train, heldout, seed=0):
    """Write img_align_celeba/ and the five tables of torchvision's folder celeba/.

    About half of the faces, at random, are Male and a quarter have Eyeglasses; all other attributes are 0. Every third
    face is held out, as validation or test, until there are enough.

    Returns:
        Keys in which the miniature's `DATASET` differs from CelebA's.
    """
    generator = np.random.default_rng(seed)
    total = train + heldout
    names = [f"{number:06d}.jpg" for number in range(1, total + 1)]
    male, glasses = generator.random(total) < 0.5, generator.random(total) < 0.25
    parts = np.zeros(total, int)
    parts[2 : 3 * heldout : 3] = 1 + np.arange(heldout) % 2
    (folder / "img_align_celeba").mkdir(parents=True)
    for name, is_male, has_glasses in zip(names, male, glasses, strict=True):
        picture = Image.fromarray(face(generator, is_male, has_glasses))
        picture.save(folder / "img_align_celeba" / name, quality=90)

    attributes = DATASET["attributes"]
    visible = {"Male": male, "Eyeglasses": glasses}
    values = np.stack([visible.get(name, np.zeros(total)) for name in attributes], axis=1).astype(int) * 2 - 1
    boxes = "image_id x_1 y_1 width height"
    landmarks = (
        "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y"
    )
    tables = {
        "list_attr_celeba.txt": [total, " ".join(attributes) + " ", *map(row, names, values)],
        "list_eval_partition.txt": [f"{name} {part}" for name, part in zip(names, parts, strict=True)],
        "identity_CelebA.txt": [f"{name} {number}" for number, name in enumerate(names, start=1)],
        "list_bbox_celeba.txt": [total, boxes, *(row(name, [95, 71, 226, 313]) for name in names)],
        "list_landmarks_align_celeba.txt": [total, landmarks, *(row(name, [70] * 10) for name in names)],
    }
    for name, lines in tables.items():
        (folder / name).write_text("\n".join(map(str, lines)) + "\n")
    return {"files": checksums(folder), "train_images": [train], "heldout_images": [heldout]}


def row(name, values):
    return name + " " + " ".join(f"{value:2d}" for value in values)


def checksums(folder):
    return {name: f"md5:{hashlib.md5((folder / name).read_bytes()).hexdigest()}" for name in TABLES}


def face(generator, male, glasses):
    """Draw a light oval on a coloured background: darker and bearded if male, a bar over the eyes for glasses."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    x, y = (x - WIDTH / 2 - generator.normal(0, 3)) / 45, (y - HEIGHT / 2 - generator.normal(0, 3)) / 60
    picture = np.broadcast_to(generator.uniform(0, 120, 3), (HEIGHT, WIDTH, 3)).copy()
    picture[x**2 + y**2 < 1] = [170, 130, 100] if male else [235, 200, 180]
    if male:
        picture[(x**2 + y**2 < 1) & (y > 0.45)] = [50, 35, 25]
    if glasses:
        picture[(np.abs(y + 0.2) < 0.15) & (np.abs(x) < 0.8)] = [10, 10, 10]
    return (picture + generator.normal(0, 4, picture.shape)).clip(0, 255).astype(np.uint8)


def write_flowers(folder, train, heldout):
    """Write images/ and attributes.csv of the data set in `attribute_table`'s docstring: every third flower is red.

    Returns:
        The data set's file from that docstring, with the miniature's checksum and counts.
    """
    (folder / "images" / "roses").mkdir(parents=True)
    rows = ["image,split,red"]
    for number in range(train + heldout):
        name = f"roses/{number}.png" if number % 2 else f"{number}.jpg"
        color = (200, 20, 20) if number % 3 == 0 else (20, 20, 200)
        Image.new("RGB", (90 + number % 12, 70), color).save(folder / "images" / name)
        rows.append(f"{name},{'train' if number < train else 'heldout'},{int(number % 3 == 0)}")
    table = folder / "attributes.csv"
    table.write_text("\n".join(rows) + "\n")
    code = example(attribute_table.__doc__, table)
    return code.replace("[900]", f"[{train}]").replace("[100]", f"[{heldout}]")


def example(docstring, file):
    """Take a data set's file out of a docstring, and state there the checksum of its only original file."""
    code = textwrap.dedent(re.search(r"^    '''.*?(?=^\S)", docstring, re.DOTALL | re.MULTILINE).group(0))
    return code.replace("sha256:…", f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}")


def install_dataset(name, code, folder, monkeypatch):
    """Put a data set's file into a copy of the library; returns the file."""
    shutil.copytree(describe.LIBRARY, folder)
    monkeypatch.setattr(describe, "LIBRARY", folder)
    monkeypatch.setattr("unlearning.datasets.__path__", [str(folder / "datasets")])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (folder / "datasets" / f"{name}.py").write_text(code)
    forget_dataset(name)
    return folder / "datasets" / f"{name}.py"


def forget_dataset(name):
    """Forget what was read from a data set's file, so that it is read again."""
    sys.modules.pop(f"unlearning.datasets.{name}", None)
    describe_plugin.cache_clear()
    describe_dataset.cache_clear()


def write_idx(folder):
    """Write seven pictures of three classes in MNIST's format.

    Returns:
        Description of the data set, and the arrays by file name.
    """
    generator = np.random.default_rng(0)
    arrays = {
        "train-images-idx3-ubyte.gz": generator.integers(0, 256, (5, 28, 28)),
        "train-labels-idx1-ubyte.gz": np.array([0, 1, 2, 1, 0]),
        "t10k-images-idx3-ubyte.gz": generator.integers(0, 256, (2, 28, 28)),
        "t10k-labels-idx1-ubyte.gz": np.array([2, 0]),
    }
    folder.mkdir(parents=True)
    for name, array in arrays.items():
        # Magic number, big-endian sizes, bytes: LeCun's description of the format.
        header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
        (folder / name).write_bytes(gzip.compress(header + array.astype(np.uint8).tobytes()))
    files = {name: f"md5:{hashlib.md5((folder / name).read_bytes()).hexdigest()}" for name in arrays}
    return {"name": "small", "source": "a lab", "files": files, "classes": ["a", "b", "c"]}, arrays


def write_class_folders(folder, classes, train, val, suffix="JPEG", size=(50, 40), seed=0):
    """Write {train,val}/{class}/*.{suffix} as torchvision's ImageFolder has it; each class has another colour."""
    generator = np.random.default_rng(seed)
    for split, count in (("train", train), ("val", val)):
        for name, color in zip(classes, np.random.default_rng(1).uniform(0, 255, (len(classes), 3)), strict=True):
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = (color + generator.normal(0, 20, (size[1], size[0], 3))).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{name}_{number}.{suffix}", format="JPEG")

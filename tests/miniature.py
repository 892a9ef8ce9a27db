"""Data sets in miniature: made-up pictures in exactly the files that the data sets consist of."""

import hashlib
import re
import textwrap

import numpy as np
from PIL import Image

from unlearning.data import attribute_table
from unlearning.datasets.celeba import DATASET

WIDTH, HEIGHT = 178, 218
TABLES = ("list_attr_celeba.txt", "list_eval_partition.txt")


def write_celeba(folder, train, heldout, seed=0):
    """Write img_align_celeba/ and the five tables of torchvision's folder celeba/.

    Male and Eyeglasses can be seen, at random in about half and a quarter of the faces; the other attributes
    are all 0. Every third face is held out, as validation or test, as long as there are any to hold out.

    Returns:
        What the `DATASET` of the miniature has otherwise than CelebA's.
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
    shown = {"Male": male, "Eyeglasses": glasses}
    values = np.stack([shown.get(name, np.zeros(total)) for name in attributes], axis=1).astype(int) * 2 - 1
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
    """A light oval on a background of some colour: darker and bearded if male, a bar over the eyes for glasses."""
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
    """Write images/ and attributes.csv of the data set whose file `image_folder` shows: every third flower is red.

    Returns:
        The content of that file, with the miniature's checksum and counts.
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
    code = textwrap.dedent(re.search(r"    '''Flowers.*DATASET\)\n", attribute_table.__doc__, re.DOTALL).group(0))
    checksum = f"sha256:{hashlib.sha256(table.read_bytes()).hexdigest()}"
    return code.replace("sha256:…", checksum).replace("[900]", f"[{train}]").replace("[100]", f"[{heldout}]")


def write_class_folders(folder, classes, train, val, suffix="JPEG", size=(50, 40), seed=0):
    """Write {train,val}/{class}/*.{suffix}, as torchvision's ImageFolder has it: each class has a colour of its own."""
    generator = np.random.default_rng(seed)
    for split, count in (("train", train), ("val", val)):
        for name, color in zip(classes, np.random.default_rng(1).uniform(0, 255, (len(classes), 3)), strict=True):
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = (color + generator.normal(0, 20, (size[1], size[0], 3))).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{name}_{number}.{suffix}", format="JPEG")

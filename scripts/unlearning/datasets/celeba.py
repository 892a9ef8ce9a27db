"""CelebA, faces of celebrities with 40 attributes (Liu, Luo, Wang & Tang, ICCV 2015).

The middle 148×148 pixels are cut out, as is usual for autoencoders (for example in PyTorch-VAE). The published
validation and test parts are held out.
"""

import shutil
from pathlib import Path

import numpy as np

from unlearning.data import attribute_table
from unlearning.data.dataset import Dataset
from unlearning.io import downloads
from unlearning.io.files import DISK_ERRORS, link_folder, temporary_folder

DATASET = {
    "name": "celeba",
    "title": "CelebA, aligned and cropped (Liu, Luo, Wang & Tang, ICCV 2015)",
    "source": "mmlab.ie.cuhk.edu.hk/projects/CelebA.html, in torchvision's layout",
    "licence": "non-commercial research only; the images may not be redistributed: everyone gets their own copy",
    "files": {
        "list_attr_celeba.txt": "md5:75e246fa4810816ffd6ee81facbd244c",
        "list_eval_partition.txt": "md5:d32c9cbf5e040fd4025c592c306e6668",
    },
    "pictures": {"folder": "img_align_celeba", "crop": 148, "unreadable_share": 0.0},
    "differences": "The paper's data differ: its code squeezes the whole 178×218 pixels into a square, of which here "
    "the middle 148×148 are cut out, and trains on all three parts, here on the published training part alone.",
    "image_shape": [3, 64, 64],
    "classes": ["face"],
    "attributes": [
        "5_o_Clock_Shadow",
        "Arched_Eyebrows",
        "Attractive",
        "Bags_Under_Eyes",
        "Bald",
        "Bangs",
        "Big_Lips",
        "Big_Nose",
        "Black_Hair",
        "Blond_Hair",
        "Blurry",
        "Brown_Hair",
        "Bushy_Eyebrows",
        "Chubby",
        "Double_Chin",
        "Eyeglasses",
        "Goatee",
        "Gray_Hair",
        "Heavy_Makeup",
        "High_Cheekbones",
        "Male",
        "Mouth_Slightly_Open",
        "Mustache",
        "Narrow_Eyes",
        "No_Beard",
        "Oval_Face",
        "Pale_Skin",
        "Pointy_Nose",
        "Receding_Hairline",
        "Rosy_Cheeks",
        "Sideburns",
        "Smiling",
        "Straight_Hair",
        "Wavy_Hair",
        "Wearing_Earrings",
        "Wearing_Hat",
        "Wearing_Lipstick",
        "Wearing_Necklace",
        "Wearing_Necktie",
        "Young",
    ],
    "train_images": [162770],
    "heldout_images": [39829],
}
ARCHIVE = {"img_align_celeba.zip": "md5:00d2c5bc6d35e252742224ab0c1e8fcb"}


def fetch(raw: Path, source: str | None) -> None:
    """Put the tables and the pictures into the folder `raw`.

    Args:
        raw: folder for the files.
        source: folder that holds celeba/ as torchvision lays it out, with the pictures unpacked or in their archive;
            None for a download by torchvision.
    """
    _refuse_other_forms(Path(source or "") / "celeba")
    if source is None:
        _download(raw)
    else:
        downloads.fetch(raw, DATASET, downloads.mirrors_of("celeba", source, []))
    unpacked = Path(source or "") / "celeba" / "img_align_celeba"
    if source and unpacked.is_dir():
        link_folder(unpacked, raw / "img_align_celeba")
    elif not (raw / "img_align_celeba").is_dir():
        downloads.fetch(raw, DATASET | {"files": ARCHIVE}, downloads.mirrors_of("celeba", source, []))
        _unpack(raw)


def _refuse_other_forms(folder: Path) -> None:
    """Name what is wrong with the copy that Kaggle passes on.

    Args:
        folder: the user's folder celeba/.

    Raises:
        ValueError: tables are there as CSV files alone, or the pictures lie one folder too deep.
    """
    for table in DATASET["files"]:
        if (other := (folder / table).with_suffix(".csv")).is_file() and not (folder / table).is_file():
            raise ValueError(
                f"{other}: is another form of {table}, for which no checksum is published; take {table} itself from "
                f"{DATASET['source']}"
            )
    deeper = folder / "img_align_celeba" / "img_align_celeba"
    if deeper.is_dir():
        raise ValueError(f"{deeper}: the pictures lie one folder too deep; move them into {deeper.parent}")


def read(raw: Path) -> Dataset:
    """Read the published training part, then the validation and test parts, which are held out.

    Args:
        raw: folder with the files that `fetch` put there.

    Returns:
        The data set, see `attribute_table.assemble`.

    Raises:
        ValueError: the tables are not CelebA's, or do not match each other.
    """
    attributes = raw / "list_attr_celeba.txt"
    count, header, *rows = attributes.read_text(encoding="utf-8").splitlines()
    if header.split() != DATASET["attributes"]:
        raise ValueError(f"{attributes}, line 2: not the {len(DATASET['attributes'])} attributes of CelebA")
    names, values = [], []
    for number, row in enumerate(rows, start=3):
        name, *flags = row.split()
        if len(flags) != len(DATASET["attributes"]) or not set(flags) <= {"1", "-1"}:
            raise ValueError(f"{attributes}, line {number}: must be a picture and 1 or -1 for each attribute")
        names.append(name)
        values.append(bytes(flag == "1" for flag in flags))
    parts = raw / "list_eval_partition.txt"
    partition = dict(line.split() for line in parts.read_text(encoding="utf-8").splitlines())
    if int(count) != len(names) or list(partition) != names or not set(partition.values()) <= {"0", "1", "2"}:
        raise ValueError(
            f"{attributes}: states {count} pictures, has rows for {len(names)}, and {parts.name} for {len(partition)}; "
            "these must be the same pictures in the same order, each of part 0, 1 or 2"
        )
    return attribute_table.assemble(
        raw,
        DATASET,
        names=names,
        train=np.array([part == "0" for part in partition.values()]),
        attributes=np.frombuffer(b"".join(values), np.uint8).reshape(len(names), -1),
        table=attributes.name,
    )


def _download(raw: Path) -> None:
    from torchvision.datasets import CelebA
    from torchvision.datasets.utils import download_file_from_google_drive

    files = DATASET["files"] | ({} if (raw / "img_align_celeba").is_dir() else ARCHIVE)
    try:
        for identifier, md5, name in CelebA.file_list:
            if name in files and not downloads.is_whole(raw / name, files[name]):
                with temporary_folder(raw / ".download") as temporary:
                    download_file_from_google_drive(identifier, str(temporary), name, md5)
                    (temporary / name).replace(raw / name)
    except Exception as error:  # torchvision downloads with gdown, which raises kinds of its own
        if getattr(error, "errno", None) in DISK_ERRORS:
            raise
        raise ValueError(
            f"CelebA could not be had: {error}\nIts licence forbids to pass it on. Download img_align_celeba.zip, "
            f"list_attr_celeba.txt and list_eval_partition.txt ({DATASET['source']}) into a folder celeba/, and "
            f"name the folder that holds celeba/ as data_source in config.yaml or in {downloads.SOURCE_VARIABLE}. For "
            "a download by torchvision, pip install gdown."
        ) from error


def _unpack(raw: Path) -> None:
    """Unpack the archive, whose checksum was verified, and delete it."""
    archive = raw / next(iter(ARCHIVE))
    with temporary_folder(raw / ".unpacked") as temporary:
        shutil.unpack_archive(archive, temporary)
        (temporary / "img_align_celeba").rename(raw / "img_align_celeba")
    archive.unlink()

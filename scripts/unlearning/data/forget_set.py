"""The forget set: which training images are to be forgotten, and what stays to compare with.

Indices count the images of the prepared data set, whose training split comes first.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from unlearning.data.dataset import Dataset
from unlearning.io.files import atomic_path, read_json


@dataclass(frozen=True)
class ForgetSet:
    """Index lists into the prepared data set; the four groups are disjoint.

    `others` are training images neither to forget nor in the retain set, where that is limited to some
    classes or to a part of them: original and retrained models learn from them, methods see those of a proxy.

    `forgotten_classes` are the class numbers that no retained training image has. It is empty when
    only a part of a class is forgotten: then no share of samples can tell whether it is forgotten.
    """

    forget: list[int]
    retain: list[int]
    heldout_forget: list[int]
    heldout_retain: list[int]
    others: list[int]
    forgotten_classes: list[int]

    @property
    def sha256(self) -> str:
        """Hash of all indices and of the forgotten classes."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()

    @property
    def never_forgotten(self) -> list[int]:
        """What a model retrained without the forget set is trained on."""
        return sorted(self.retain + self.others)

    def groups(self) -> dict[str, list[int]]:
        """The four groups of images, by name."""
        return {name: getattr(self, name) for name in GROUPS}

    def save(self, path: Path, selection: dict) -> None:
        content = {"selection": selection, "sha256": self.sha256, **asdict(self)}
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(content) + "\n")

    @classmethod
    def load(cls, path: Path) -> "ForgetSet":
        """Read a forget set.

        Raises:
            ValueError: the indices do not have the hash that the file states.
        """
        content = read_json(path)
        stated = content.pop("sha256")
        content.pop("selection")
        forget_set = cls(**content)
        if forget_set.sha256 != stated:
            raise ValueError(f"{path}: the indices were changed after selection; delete the file and run again")
        return forget_set


def of_classes(wanted: list, labels: np.ndarray, train: np.ndarray, classes: list[str]) -> np.ndarray:
    """Indices (n,) of the training images of some classes, given by name."""
    return np.flatnonzero(train & np.isin(labels, class_numbers(wanted, classes)))


def spread_out(indices: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of the indices (n,), evenly spread: of images sorted by class, some of each."""
    indices = np.asarray(indices, int)
    return indices[np.linspace(0, len(indices) - 1, min(count, len(indices))).round().astype(int)]


def select(selection: dict, labels: np.ndarray, train: np.ndarray, classes: list[str]) -> ForgetSet:
    """Choose the forget set.

    Args:
        selection: the key `forget_set` of an experiment.
        labels: (N,) class numbers, those of `Dataset.labelled` where an attribute is to be forgotten.
        train: (N,) True for the training split.
        classes: names of the classes, by number.

    Raises:
        ValueError: the forget set or the retain set would be empty, more images are to be drawn than there are, or an
            index is not in the training split.
    """
    training, heldout = np.flatnonzero(train), np.flatnonzero(~train)
    if "indices" in selection:
        forget = np.unique(selection["indices"])
        if not np.isin(forget, training).all():
            raise ValueError(f"forget_set.indices: {forget[~np.isin(forget, training)][0]} is not a training image")
        numbers = np.unique(labels[forget])
    else:
        wanted = selection["classes"] if "classes" in selection else [selection["attribute"]]
        numbers = class_numbers(wanted, classes)
        pool = training[np.isin(labels[training], numbers)]
        size = draw_size(selection, len(pool))
        if size > len(pool):
            raise ValueError(f"forget_set.samples = {size}: there are only {len(pool)} such training images; lower it")
        forget = pool
        if "seed" in selection:
            generator = np.random.default_rng(selection["seed"])
            forget = np.sort(generator.choice(pool, size=size, replace=False))
    everything = len(numbers) == len(classes)
    heldout_forget = heldout[:0] if everything else heldout[np.isin(labels[heldout], numbers)]
    retain = rest = np.setdiff1d(training, forget)
    heldout_retain = np.setdiff1d(heldout, heldout_forget)
    if "retain_classes" in selection:
        retained = class_numbers(selection["retain_classes"], classes)
        retain, heldout_retain = (part[np.isin(labels[part], retained)] for part in (rest, heldout_retain))
        retain = spread_out(retain, retained_size(selection, len(retain)))
    if not len(forget) or not len(retain):
        raise ValueError(
            f"forget_set = {selection!r}: leaves {len(forget)} images to forget and {len(retain)} to retain; neither "
            "may be empty; name another attribute or other classes, or change 'fraction' or 'retain_fraction'"
        )
    return ForgetSet(
        forget=forget.tolist(),
        retain=retain.tolist(),
        heldout_forget=heldout_forget.tolist(),
        heldout_retain=heldout_retain.tolist(),
        others=np.setdiff1d(rest, retain).tolist(),
        forgotten_classes=np.setdiff1d(labels[forget], labels[rest]).tolist(),
    )


def retained_images(selection: str | dict, data: Dataset, forget_set: ForgetSet, proxy: Path | None) -> np.ndarray:
    """The images of the retain set, or of the proxy that replaces it.

    Args:
        selection: 'retain' for the retain set; `{"classes": names}` for a proxy of the same data set, without the
            images of the retain set; or anything else for the training images of the data set `proxy`.
        data: the prepared data set.
        forget_set: which of its images are retained.
        proxy: another prepared data set; None where the proxy is none.

    Returns:
        (N, C, H, W) uint8.

    Raises:
        ValueError: all images of the proxy's classes are in the retain set.
    """
    if selection == "retain":
        return data.images[forget_set.retain]
    if "classes" in selection:
        indices = of_classes(selection["classes"], data.labels, data.train, data.classes)
        indices = np.intersect1d(indices, forget_set.others)  # images of the retain set cannot replace it
        if not len(indices):
            raise ValueError(
                f"all images of the proxy's classes {selection['classes']} are in the retain set; name other classes, "
                "or lower forget_set.retain_fraction"
            )
        return data.images[indices]
    other = Dataset.load(proxy)
    return other.images[other.train]


def draw_size(selection: dict, pool: int) -> int:
    return selection.get("samples", round(pool * selection.get("fraction", 1)))


def retained_size(selection: dict, images: int) -> int:
    return round(images * selection.get("retain_fraction", 1))


def class_numbers(wanted: list | str, classes: list[str]) -> list[int]:
    return list(range(len(classes))) if wanted == "all" else sorted({classes.index(str(name)) for name in wanted})


GROUPS = {  # of real images, by what tables call them
    "forget": "forget",
    "retain": "retain",
    "heldout_forget": "held-out forget",
    "heldout_retain": "held-out retain",
}

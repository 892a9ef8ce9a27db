"""The forget set: which training images are to be forgotten, and which images stay to compare with.

Indices count the images of the prepared data set, training split first.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from unlearning.data.dataset import Dataset
from unlearning.io.files import atomic_path, read_json

GROUPS = {  # groups of real images, with their names in tables
    "forget": "forget",
    "retain": "retain",
    "heldout_forget": "held-out forget",
    "heldout_retain": "held-out retain",
}


@dataclass(frozen=True)
class ForgetSet:
    """Disjoint lists of indices into the prepared data set.

    Attributes:
        forget: training images to forget.
        retain: training images to retain.
        heldout_forget: held-out images of the kind that is forgotten.
        heldout_retain: held-out images of the kind that is retained.
        others: training images in neither set. There are some only if the retain set is limited to some classes, or
            to a part of their images. The original and the retrained model are trained on them. A method sees them
            only if a proxy contains them.
        forgotten_classes: numbers of the classes without an image in `retain` and `others`. The list is empty if only
            a part of a class is forgotten. Then counting the samples of a class cannot show whether that part is
            forgotten.
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
        """Training images of a model that is retrained without the forget set."""
        return sorted(self.retain + self.others)

    def groups(self) -> dict[str, list[int]]:
        """Return the lists of the four `GROUPS`, by name."""
        return {name: getattr(self, name) for name in GROUPS}

    def save(self, path: Path, selection: dict) -> None:
        """Write the forget set with its hash, and with the key `forget_set` of the experiment that selects it."""
        content = {"selection": selection, "sha256": self.sha256, **asdict(self)}
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(content) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "ForgetSet":
        """Read a forget set.

        Args:
            path: a file that `save` wrote.

        Returns:
            The forget set.

        Raises:
            ValueError: the indices do not have the hash that the file states.
        """
        content = read_json(path)
        sha256 = content.pop("sha256")
        content.pop("selection")
        forget_set = cls(**content)
        if forget_set.sha256 != sha256:
            raise ValueError(f"{path}: the indices were changed after selection; delete the file and run again")
        return forget_set


def select(selection: dict, labels: np.ndarray, train: np.ndarray, classes: list[str]) -> ForgetSet:
    """Select the images to forget, to retain and to compare with.

    `unlearning.config.selection` checks most of a selection before any job. Only the images themselves tell how many
    have an attribute, and whether an index belongs to the training split.

    Args:
        selection: the key `forget_set` of an experiment.
        labels: (N,) class numbers; those of `Dataset.labelled` where an attribute is to be forgotten.
        train: (N,) bool, True for the training split.
        classes: names of the classes, by number.

    Returns:
        The forget set.

    Raises:
        ValueError: the forget set or the retain set would be empty. Also where `_forget` raises one.
    """
    training, heldout = np.flatnonzero(train), np.flatnonzero(~train)
    forget, numbers = _forget(selection, labels, training, classes)
    rest = np.setdiff1d(training, forget)
    heldout_forget = heldout[np.isin(labels[heldout], numbers)] if len(numbers) < len(classes) else heldout[:0]
    retain, heldout_retain = rest, np.setdiff1d(heldout, heldout_forget)
    if "retain_classes" in selection:
        numbers = class_numbers(selection["retain_classes"], classes)
        retain, heldout_retain = (part[np.isin(labels[part], numbers)] for part in (retain, heldout_retain))
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


def _forget(selection: dict, labels: np.ndarray, training: np.ndarray, classes: list[str]) -> tuple[np.ndarray, list]:
    """Select the images to forget.

    Args:
        selection: the key `forget_set` of an experiment.
        labels: (N,) class numbers.
        training: indices of the training split.
        classes: names of the classes, by number.

    Returns:
        Sorted indices of the images, and the numbers of their classes.

    Raises:
        ValueError: an index is not in the training split, or there are fewer images than `samples`.
    """
    if "indices" in selection:
        forget = np.unique(selection["indices"])
        if not np.isin(forget, training).all():
            raise ValueError(f"forget_set.indices: {forget[~np.isin(forget, training)][0]} is not a training image")
        return forget, np.unique(labels[forget]).tolist()
    names = selection["classes"] if "classes" in selection else [selection["attribute"]]
    numbers = class_numbers(names, classes)
    pool = training[np.isin(labels[training], numbers)]
    size = draw_size(selection, len(pool))
    if size > len(pool):
        raise ValueError(f"forget_set.samples = {size}: there are only {len(pool)} such training images; lower it")
    if "seed" not in selection:
        return pool, numbers
    generator = np.random.default_rng(selection["seed"])
    return np.sort(generator.choice(pool, size=size, replace=False)), numbers


def draw_size(selection: dict, pool: int) -> int:
    """Compute how many of the `pool` images a selection forgets."""
    return selection.get("samples", round(pool * selection.get("fraction", 1)))


def retained_size(selection: dict, images: int) -> int:
    """Compute how many `images` of the retained classes a selection retains."""
    return round(images * selection.get("retain_fraction", 1))


def class_numbers(names: list | str, classes: list[str]) -> list[int]:
    """Look up the sorted numbers of classes by name; 'all' for all of them."""
    return list(range(len(classes))) if names == "all" else sorted({classes.index(str(name)) for name in names})


def spread_out(indices: np.ndarray, count: int) -> np.ndarray:
    """Take at most `count` of the indices (n,), evenly spread over their order."""
    indices = np.asarray(indices, int)
    return indices[np.linspace(0, len(indices) - 1, min(count, len(indices))).round().astype(int)]


def retained_images(
    selection: str | dict, data: Dataset, forget_set: ForgetSet, proxy: Path | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the images of the retain set, or of the proxy that replaces the retain set, with their labels.

    Args:
        selection: 'retain' for the retain set; `{"classes": names}` for a proxy of the same data set, without the
            images of the retain set; `{"dataset": name}` for the training images in the file `proxy`.
        data: the prepared data set.
        forget_set: forget set of `data`.
        proxy: file of another prepared data set; None where `selection` needs no other.

    Returns:
        Images (N, C, H, W) uint8, and their class numbers (N,) in their own data set.

    Raises:
        ValueError: all images of the proxy's classes are in the retain set.
    """
    if selection == "retain":
        return data.images[forget_set.retain], data.labels[forget_set.retain]
    if "classes" in selection:
        indices = np.flatnonzero(data.train & np.isin(data.labels, class_numbers(selection["classes"], data.classes)))
        indices = np.intersect1d(indices, forget_set.others)  # images of the retain set cannot replace it
        if not len(indices):
            raise ValueError(
                f"all images of the proxy's classes {selection['classes']} are in the retain set; name other classes, "
                "or lower forget_set.retain_fraction"
            )
        return data.images[indices], data.labels[indices]
    other = Dataset.load(proxy)
    return other.images[other.train], other.labels[other.train]

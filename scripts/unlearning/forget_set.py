"""The forget set: which training images are to be forgotten, and what stays to compare with.

Indices count the images of the prepared data set, whose training split comes first.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from unlearning.files import atomic_path, read_json


@dataclass(frozen=True)
class ForgetSet:
    """Index lists into the prepared data set; the four groups are disjoint.

    `forgotten_classes` are the class numbers that no retained training image has. It is empty when
    only a part of a class is forgotten: then no share of samples can tell whether it is forgotten.
    """

    forget: list[int]
    retain: list[int]
    heldout_forget: list[int]
    heldout_retain: list[int]
    forgotten_classes: list[int]

    @property
    def sha256(self) -> str:
        """Hash of the forget and retain indices."""
        return hashlib.sha256(json.dumps([self.forget, self.retain]).encode()).hexdigest()

    def groups(self) -> dict[str, list[int]]:
        """The four groups of images, by name."""
        return {name: value for name, value in asdict(self).items() if name != "forgotten_classes"}

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


def check_selection(selection: dict, dataset: dict) -> list[str]:
    """Problems of a selection (the key `forget_set` of an experiment) for a described data set.

    Needs only the class counts of the data set's description, so it runs before any job.
    """
    names, counts = dataset["classes"], dataset["train_images"]
    total = sum(counts)
    if ("indices" in selection) == ("classes" in selection):
        return [f"forget_set = {selection!r}: give either 'classes' (a list, or 'all') or 'indices', and not both"]
    if "indices" in selection:
        for key in sorted({"fraction", "samples", "seed"} & set(selection)):
            return [f"forget_set.{key} = {selection[key]!r}: goes with 'classes', not with 'indices'"]
        outside = [index for index in selection["indices"] if index >= total]
        if outside:
            return [f"forget_set.indices = {outside[0]}: must be a number in the training split, 0 to {total - 1}"]
        pool = chosen = len(selection["indices"])
    else:
        wanted = selection["classes"]
        if isinstance(wanted, str) and wanted != "all":
            return [f"forget_set.classes = {wanted!r}: must be a list of class names, or 'all'"]
        drawn = {"fraction", "samples"} & set(selection)
        if len(drawn) != ("seed" in selection):
            return [f"forget_set = {selection!r}: 'seed' goes with one of 'fraction' and 'samples'"]
        if wanted == "all" and not drawn:
            return [
                "forget_set.classes = 'all': the retain set would be empty; add 'fraction' or 'samples', and 'seed'"
            ]
        unknown = [] if wanted == "all" else [name for name in wanted if str(name) not in names]
        if unknown:
            return [
                f"forget_set.classes = {unknown[0]!r}: not a class of {dataset['name']}; "
                f"its classes: {', '.join(names)}"
            ]
        pool = sum(counts[number] for number in _class_numbers(wanted, names))
        chosen = _draw_size(selection, pool)
    if chosen > pool:
        return [f"forget_set.samples = {chosen}: there are only {pool} such training images"]
    if chosen == 0:
        return [f"forget_set = {selection!r}: chooses none of {pool} images; raise 'fraction'"]
    if chosen == total:
        return [f"forget_set = {selection!r}: chooses all {total} training images; the retain set would be empty"]
    return []


def select(selection: dict, labels: np.ndarray, train: np.ndarray, classes: list[str]) -> ForgetSet:
    """Choose the forget set.

    Args:
        selection: the key `forget_set` of an experiment.
        labels: (N,) class numbers.
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
        numbers = _class_numbers(selection["classes"], classes)
        pool = training[np.isin(labels[training], numbers)]
        size = _draw_size(selection, len(pool))
        if size > len(pool):
            raise ValueError(f"forget_set.samples = {size}: there are only {len(pool)} such training images")
        forget = pool
        if "seed" in selection:
            generator = np.random.default_rng(selection["seed"])
            forget = np.sort(generator.choice(pool, size=size, replace=False))
    everything = len(numbers) == len(classes)
    heldout_forget = heldout[:0] if everything else heldout[np.isin(labels[heldout], numbers)]
    retain = np.setdiff1d(training, forget)
    if not len(forget) or not len(retain):
        raise ValueError(
            f"forget_set = {selection!r}: leaves {len(forget)} images to forget and {len(retain)} to retain"
        )
    return ForgetSet(
        forget=forget.tolist(),
        retain=retain.tolist(),
        heldout_forget=heldout_forget.tolist(),
        heldout_retain=np.setdiff1d(heldout, heldout_forget).tolist(),
        forgotten_classes=np.setdiff1d(labels[forget], labels[retain]).tolist(),
    )


def _draw_size(selection: dict, pool: int) -> int:
    return selection.get("samples", round(pool * selection.get("fraction", 1)))


def _class_numbers(wanted: list | str, classes: list[str]) -> list[int]:
    return list(range(len(classes))) if wanted == "all" else sorted({classes.index(str(name)) for name in wanted})

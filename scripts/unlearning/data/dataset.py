"""A prepared data set: images, labels and attributes in one file."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from unlearning.io.tensors import read_tensors, write_tensors


@dataclass(frozen=True)
class Dataset:
    """Images with their labels; the training split comes first.

    images: (N, C, H, W) uint8. labels: (N,) int64 class numbers. attributes: (N, A) uint8, 0 or 1.
    train: (N,) bool. classes: names by number. attribute_names: A names.
    """

    images: np.ndarray
    labels: np.ndarray
    attributes: np.ndarray
    train: np.ndarray
    classes: list[str]
    attribute_names: list[str]

    def save(self, path: Path) -> None:
        names = ("images", "labels", "attributes", "train")
        header = {"classes": self.classes, "attribute_names": self.attribute_names}
        write_tensors(path, {name: getattr(self, name) for name in names}, header)

    @classmethod
    def load(cls, path: Path) -> "Dataset":
        arrays, header = read_tensors(path)
        return cls(**arrays, **header)

    def labelled(self, attribute: str | None) -> "Dataset":
        """The same images in two classes, without and with an attribute; as they are for None."""
        if attribute is None:
            return self
        values = self.attributes[:, self.attribute_names.index(attribute)]
        return replace(self, labels=values.astype(np.int64), classes=class_names({"attribute": attribute}, {}))


def class_names(selection: dict, described: dict) -> list[str]:
    """Names of the classes that an experiment tells apart, by number.

    Args:
        selection: the key `forget_set` of the experiment.
        described: its data set, whose classes they are where no attribute is to be forgotten.
    """
    attribute = selection.get("attribute")
    return [f"not {attribute}", attribute] if attribute else described["classes"]

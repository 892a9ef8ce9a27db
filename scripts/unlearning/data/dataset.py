"""A prepared data set: images, labels and attributes in one file."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from unlearning.io.tensors import read_tensors, write_tensors


@dataclass(frozen=True)
class Dataset:
    """Images with their labels and attributes; the training split comes first.

    Attributes:
        images: (N, C, H, W) uint8.
        labels: (N,) int64, class numbers.
        attributes: (N, A) uint8, 0 or 1. A is 0 for a data set without attributes.
        train: (N,) bool, True for the training split and False for held-out images.
        classes: names of the classes, by number.
        attribute_names: names of the A attributes.

    Example:
        >>> dataset = Dataset.load(Path("data/digits/prepared.safetensors"))
        >>> ones = dataset.images[dataset.train & (dataset.labels == dataset.classes.index("1"))]
        >>> thick = dataset.labelled("thick")
        >>> thick.classes
        ['not thick', 'thick']
    """

    images: np.ndarray
    labels: np.ndarray
    attributes: np.ndarray
    train: np.ndarray
    classes: list[str]
    attribute_names: list[str]

    def save(self, path: Path) -> None:
        """Write the data set into one safetensors file."""
        arrays = {name: getattr(self, name) for name in ("images", "labels", "attributes", "train")}
        write_tensors(path, arrays, {"classes": self.classes, "attribute_names": self.attribute_names})

    @classmethod
    def load(cls, path: Path) -> "Dataset":
        """Read a file that `save` wrote; its arrays are mapped, not copied into memory."""
        arrays, header = read_tensors(path)
        return cls(**arrays, **header)

    def labelled(self, attribute: str | None) -> "Dataset":
        """Label the images by an attribute: class 1 has it, class 0 does not; None leaves the labels as they are."""
        if attribute is None:
            return self
        values = self.attributes[:, self.attribute_names.index(attribute)]
        return replace(self, labels=values.astype(np.int64), classes=class_names({"attribute": attribute}, {}))


def class_names(selection: dict, description: dict) -> list[str]:
    """List the classes that an experiment tells apart.

    Args:
        selection: the key `forget_set` of the experiment.
        description: the description of its data set. Its classes are those of the experiment, except where an
            attribute is to be forgotten.

    Returns:
        Names of the classes, by number.
    """
    attribute = selection.get("attribute")
    return [f"not {attribute}", attribute] if attribute else description["classes"]

"""Select the training images to forget, and the held-out images to compare with."""

from pathlib import Path

from unlearning.config.image_counts import check_group_sizes
from unlearning.data.dataset import Dataset
from unlearning.data.forget_set import select
from unlearning.runtime.job import run


def main(*, experiment: str, selection: dict, checked_with: dict, dataset: Path, forget_set: Path) -> None:
    """Write the forget set of an experiment.

    Args:
        experiment: name of the experiment.
        selection: the key `forget_set` of its configuration.
        checked_with: its configuration, whose metrics may need more images than the selection leaves.
        dataset: prepared data set.
        forget_set: JSON file to write, see `unlearning.data.forget_set.ForgetSet`.

    Raises:
        ValueError: the images do not allow this selection, or leave too few of a group for a metric. Only the images
            tell how many have an attribute. The message names the configuration file.
    """
    images = Dataset.load(dataset).labelled(selection.get("attribute"))
    try:
        groups = select(selection, images.labels, images.train, images.classes)
        sizes = {group: len(indices) for group, indices in groups.groups().items()}
        sizes |= {"training": int(images.train.sum()), "samples": checked_with["evaluation"]["samples"]}
        for problem in check_group_sizes(checked_with, sizes):
            raise ValueError(problem)
    except ValueError as error:
        raise ValueError(f"configs/{experiment}.yaml: {error}") from None
    groups.save(forget_set, selection)


if "snakemake" in globals():
    run(main, snakemake)

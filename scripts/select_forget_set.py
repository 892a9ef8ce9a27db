"""Choose the training images to forget, and keep held-out images of the same classes apart."""

from functools import partial
from pathlib import Path

from unlearning.data.dataset import Dataset
from unlearning.data.forget_set import select
from unlearning.runtime.job import run


def main(
    *, experiment: str, selection: dict, least: list[tuple[str, int, str]], dataset: Path, forget_set: Path
) -> None:
    """Write the forget set of an experiment.

    Args:
        experiment: name of the experiment.
        selection: the key `forget_set` of its configuration.
        least: how many images groups must have, see `unlearning.config.checks.least_images`; only the
            images themselves tell how many have an attribute.
        dataset: prepared data set.
        forget_set: JSON file of indices with their hash, see `unlearning.data.forget_set.ForgetSet`.

    Raises:
        ValueError: the images do not allow this selection, or leave too few of a group; names the configuration file.
    """
    images = Dataset.load(dataset).labelled(selection.get("attribute"))
    try:
        chosen = select(selection, images.labels, images.train, images.classes)
        sizes = {group: len(indices) for group, indices in chosen.groups().items()}
        for group, too_few, problem in least:
            if sizes.get(group, too_few + 1) <= too_few:
                raise ValueError(problem.format(count=sizes[group]))
    except ValueError as error:
        raise ValueError(f"configs/{experiment}.yaml: {error}") from None
    chosen.save(forget_set, selection)


if "snakemake" in globals():
    run(partial(main, least=snakemake.config["least_images"][snakemake.wildcards.experiment]), snakemake)

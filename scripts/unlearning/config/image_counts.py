"""Whether there are enough images for the judge and for each metric."""

import math
from collections.abc import Iterator

from unlearning.config.experiment import uses_inception
from unlearning.config.selection import check_selection, group_sizes
from unlearning.data.dataset import class_names
from unlearning.data.forget_set import GROUPS
from unlearning.io.inception_weights import FEATURES
from unlearning.plugins.describe import completes, plugin_constant


def check_judge(experiment: dict, dataset: dict) -> Iterator[str]:
    """Problems of what the judge learns from: it needs two classes to tell apart, and images to be tested on.

    Args:
        experiment: its configuration.
        dataset: the description of its data set.

    Yields:
        One line for each problem.
    """
    classes = class_names(experiment["forget_set"], dataset)
    if len(classes) < 2:
        yield (
            f"forget_set = {experiment['forget_set']!r}: {dataset['name']} has the one class {classes[0]!r}, and the "
            "judge must tell at least two apart; forget an attribute, or give the data set more classes"
        )
    if not sum(dataset["heldout_images"]):
        yield (
            f"dataset = {dataset['name']!r}: has no held-out images, on which the judge is tested; hold some out, and "
            "state their number as 'heldout_images' under DATASET in the Python file of the data set"
        )


def check_image_counts(experiment: dict, dataset: dict) -> list[str]:
    """Problems of metrics for which a group of images, or the samples of a model, are too few.

    Args:
        experiment: its configuration.
        dataset: the description of its data set.

    Returns:
        One line for each problem. Nothing about groups whose size is not known before the data are prepared.
    """
    problems, selection, evaluation = [], experiment["forget_set"], experiment["evaluation"]
    sizes = {} if check_selection(selection, dataset) else group_sizes(selection, dataset)
    if sizes.get("heldout_forget") == 0 and completes(*experiment["model"]):
        problems.append(
            "forget_set.classes: no class is left to retain, but completions are judged by held-out images to retain "
            "and to forget, told apart by class; name fewer classes"
        )
    sizes |= {"training": sum(dataset["train_images"]), "samples": evaluation["samples"]}
    problems += check_group_sizes(experiment, sizes)
    for metric in evaluation["metrics"]:
        least = plugin_constant("metrics", metric, "LEAST_SAMPLES", 0)
        key = "label_samples" if plugin_constant("metrics", metric, "NEEDS") == "by_label" else "samples"
        if evaluation.get(key, least) < least:
            problems.append(f"evaluation.{key} = {evaluation[key]}: {metric!r} needs at least {least}")
    return problems


def check_group_sizes(experiment: dict, sizes: dict[str, int]) -> Iterator[str]:
    """Problems of metrics that estimate a covariance matrix: of as few images as features, the matrix is singular.

    Args:
        experiment: its configuration.
        sizes: images of each group, as far as known, of the training split and of each model's samples.

    Yields:
        One line for each problem.
    """
    for metric in experiment["evaluation"]["metrics"]:
        requirement = plugin_constant("metrics", metric, "MORE_IMAGES_THAN_FEATURES")
        if not requirement or requirement["classifier"] not in experiment:
            continue
        classifier, instead = requirement["classifier"], requirement["instead"]
        features = experiment[classifier]["hidden_units"][-1]
        cure = f"make the last of {classifier}.hidden_units smaller"
        if uses_inception(experiment):
            features, cure = FEATURES, "set 'features: judge'"
        need = f"{metric!r}, a Fréchet distance on {features} features, needs more than"
        if sizes["samples"] <= features:
            yield f"evaluation.samples = {sizes['samples']}: {need} that; raise it, {cure}, or {instead}"
        for group in requirement["groups"]:
            count, bound, name = sizes.get(group, math.inf), "", GROUPS.get(group, group)
            if group == "retain" and group not in sizes:  # not known yet, but at least one image is forgotten
                count, bound = sizes["training"] - 1, "at most "
            if count <= features:
                yield f"evaluation.metrics: {need} the {bound}{count} {name} images; {cure}, or {instead}"

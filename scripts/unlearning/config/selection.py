"""Checks of what is to be forgotten and of what stands for the retain set, before any job."""

import copy
import difflib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from unlearning.data import attribute_table
from unlearning.data.description import describe_dataset
from unlearning.data.forget_set import class_numbers, draw_size, retained_size
from unlearning.io.downloads import user_source

REST = "rest"  # of the classes, to retain
LISTED = 20  # classes; of more, a message says only the nearest


def check_selection(selection: dict, dataset: dict) -> list[str]:
    """Problems of a selection, the key `forget_set` of an experiment.

    Args:
        selection: valid by the schema, with a list of names for every run of classes.
        dataset: the description of the data set; the class counts in it suffice, so that no job needs to run.

    Returns:
        One line for the first problem, or nothing.
    """
    if len({"classes", "indices", "attribute"} & set(selection)) != 1:
        return [f"forget_set = {selection!r}: give one of 'classes' (a list, or 'all'), 'attribute' and 'indices'"]
    if problem := _check_retained(selection, dataset):
        return [f"forget_set.retain_classes = {selection['retain_classes']!r}: {problem}"]
    if "indices" in selection:
        problem = _check_indices(selection, dataset)
    elif len({"fraction", "samples"} & set(selection)) != ("seed" in selection):
        return [f"forget_set = {selection!r}: 'seed' goes with one of 'fraction' and 'samples'"]
    elif "attribute" in selection:
        problem = _check_attribute(selection, dataset)
    else:
        problem = _check_classes(selection, dataset)
    return [problem] if problem else []


def _check_retained(selection: dict, dataset: dict) -> str | None:
    if "retain_classes" not in selection:
        return None
    if not isinstance(selection.get("classes"), list):
        return "goes with 'classes', a list of the classes to forget"
    for name in map(str, selection["retain_classes"]):
        if name not in dataset["classes"]:
            return f"{name!r} is {_unknown_class(name, dataset)}"
        if name in map(str, selection["classes"]):
            return f"{name!r} is to be forgotten; name other classes"
    images = _training_images(selection["retain_classes"], dataset)
    if not retained_size(selection, images):
        return f"none of their {images} training images would be retained; name others, or raise 'retain_fraction'"
    return None


def _check_indices(selection: dict, dataset: dict) -> str | None:
    total = sum(dataset["train_images"])
    if draws := sorted({"fraction", "samples", "seed"} & set(selection)):
        return f"forget_set.{draws[0]} = {selection[draws[0]]!r}: goes with 'classes', not with 'indices'"
    if outside := [index for index in selection["indices"] if index >= total]:
        return f"forget_set.indices = {outside[0]}: must be a number in the training split, 0 to {total - 1}"
    return _check_size(selection, len(selection["indices"]), total)


def _check_attribute(selection: dict, dataset: dict) -> str | None:
    attribute, known, total = selection["attribute"], dataset.get("attributes", []), sum(dataset["train_images"])
    if attribute in known:
        if selection.get("samples", 0) < total:  # how many images have it, only the job knows for sure
            return None
        return f"forget_set.samples = {selection['samples']}: there are only {total} training images; lower it"
    near = difflib.get_close_matches(attribute, known, n=3, cutoff=0.4)
    cure = f"did you mean {' or '.join(map(repr, near))}?" if near else f"it has {', '.join(known) or 'none'}"
    return f"forget_set.attribute = {attribute!r}: not an attribute of {dataset['name']}; {cure}"


def _check_classes(selection: dict, dataset: dict) -> str | None:
    classes = selection["classes"]
    if classes == "all":
        if "seed" not in selection:
            return "forget_set.classes = 'all': the retain set would be empty; add 'fraction' or 'samples', and 'seed'"
    elif isinstance(classes, str):
        return f"forget_set.classes = {classes!r}: must be a list of class names, or 'all'"
    elif unknown := [name for name in classes if str(name) not in dataset["classes"]]:
        return f"forget_set.classes = {unknown[0]!r}: {_unknown_class(unknown[0], dataset)}"
    return _check_size(selection, _training_images(classes, dataset), sum(dataset["train_images"]))


def _check_size(selection: dict, pool: int, total: int) -> str | None:
    """The forget set and the retain set must not be empty.

    Args:
        selection: by `indices` or `classes`.
        pool: training images that the forget set is drawn from.
        total: all training images.

    Returns:
        The problem, or None.
    """
    size = pool if "indices" in selection else draw_size(selection, pool)
    if size > pool:
        return f"forget_set.samples = {size}: there are only {pool} such training images; lower it"
    if size == 0:
        return f"forget_set = {selection!r}: chooses none of {pool} images; raise 'fraction'"
    if size == total:
        return f"forget_set = {selection!r}: chooses all {total} training images; the retain set would be empty"
    return None


def group_sizes(selection: dict, dataset: dict) -> dict[str, int]:
    """How many images of each group a valid selection leaves, as far as is known before the data are prepared.

    Args:
        selection: see `check_selection`.
        dataset: the description of the data set.

    Returns:
        The sizes by the name of the group. Of single images, it is not known which held-out images belong to their
        classes. Of an attribute, nothing is known but where the user's own table tells.
    """
    train, heldout = np.array(dataset["train_images"]), np.array(dataset["heldout_images"])
    if "attribute" in selection:
        pool = _images_with_attribute(selection["attribute"], dataset)
        return {} if pool is None else {"retain": int(train.sum()) - draw_size(selection, pool)}
    if "indices" in selection:
        return {"forget": len(selection["indices"]), "retain": int(train.sum()) - len(selection["indices"])}
    forgotten = class_numbers(selection["classes"], dataset["classes"])
    forget = draw_size(selection, int(train[forgotten].sum()))
    heldout_forget = 0 if len(forgotten) == len(train) else int(heldout[forgotten].sum())
    retain, heldout_retain = int(train.sum()) - forget, int(heldout.sum()) - heldout_forget
    if "retain_classes" in selection:
        retained = class_numbers(selection["retain_classes"], dataset["classes"])
        retain = retained_size(selection, int(train[retained].sum()))
        heldout_retain = int(heldout[retained].sum())
    return {"forget": forget, "retain": retain, "heldout_forget": heldout_forget, "heldout_retain": heldout_retain}


def _images_with_attribute(attribute: str, dataset: dict) -> int | None:
    """How many training images have an attribute, by the user's own table.

    Args:
        attribute: its name.
        dataset: the description of the data set.

    Returns:
        The number; None where there is no such table, or it cannot be read: the job that needs it says why.
    """
    source = user_source()
    if not source or not attribute_table.describes(dataset):
        return None
    try:
        rows = attribute_table.read_rows(Path(source) / dataset["name"] / attribute_table.TABLE, dataset)
    except (OSError, ValueError):
        return None
    column = 2 + dataset["attributes"].index(attribute)
    return sum(row[1] == "train" and row[column] == "1" for row in rows)


def check_proxies(experiment: dict) -> list[str]:
    """Problems of an experiment's `proxies`, image sets that stand for the retain set.

    Args:
        experiment: its configuration, valid by the schema.

    Returns:
        One line for each problem.
    """
    problems, dataset = [], describe_dataset(experiment["dataset"])
    for name, proxy in experiment.get("proxies", {}).items():
        if "classes" in proxy:
            key = f"proxies.{name}.classes"
            problems += _check_proxy_classes(key, proxy["classes"], experiment["forget_set"], dataset)
        else:
            problems += _check_proxy_dataset(f"proxies.{name}.dataset", proxy["dataset"], dataset)
    return problems


def _check_proxy_classes(key: str, classes: list, selection: dict, dataset: dict) -> Iterator[str]:
    """Problems of a proxy of classes, which stands at `key`."""
    if not isinstance(selection.get("classes"), list) or "retain_classes" not in selection:
        yield (
            f"{key} = {classes!r}: without a list of classes to forget, and forget_set.retain_classes beside it, the "
            "retain set is all else, and leaves none to stand for it"
        )
        return
    if _check_retained(selection, dataset):
        return  # `check_selection` reports it; until it is mended, the size of the retain set is not known
    for name in map(str, classes):
        if name not in dataset["classes"]:
            yield f"{key} = {name!r}: {_unknown_class(name, dataset)}"
        elif name in map(str, selection["classes"]):
            yield f"{key} = {name!r}: is to be forgotten; name other classes"
        elif name in map(str, selection["retain_classes"]):
            pool = _training_images(selection["retain_classes"], dataset)
            if retained_size(selection, pool) == pool:
                yield (
                    f"{key} = {name!r}: all its images are in the retain set; name other classes, or leave some of "
                    "them to the proxy by forget_set.retain_fraction"
                )


def _check_proxy_dataset(key: str, name: str, dataset: dict) -> Iterator[str]:
    """Problems of a proxy that is the data set `name`, which stands at `key`, for an experiment on `dataset`."""
    if name == dataset["name"]:
        yield f"{key} = {name!r}: holds what is to be forgotten; name classes of it, or another data set"
        return
    try:
        shape = describe_dataset(name)["image_shape"]
    except ValueError as error:
        yield f"{key} = {name!r}: {error}"
        return
    if shape != dataset["image_shape"]:
        yield (
            f"{key} = {name!r}: its images are {shape} (channels, height, width), those of {dataset['name']} "
            f"{dataset['image_shape']}; name a data set of the same shape"
        )


def _training_images(classes: list | str, dataset: dict) -> int:
    """How many training images some classes have together."""
    return sum(dataset["train_images"][number] for number in class_numbers(classes, dataset["classes"]))


def check_runs(experiment: dict, classes: list[str]) -> list[str]:
    """Problems of runs of classes, `{start: …, count: …}`, anywhere in an experiment.

    Args:
        experiment: its configuration.
        classes: names of all classes of its data set.

    Returns:
        One line for each problem.
    """
    return [
        f"{place}.{key} = {run!r}: there are only {len(classes)} classes, numbered from 0"
        for place, section in _sections(experiment).items()
        for key, run in _runs(section).items()
        if run["start"] + run["count"] > len(classes)
    ]


def with_runs_named(experiment: dict, classes: list[str]) -> dict:
    """Replace every run of classes by a list of their names.

    A run `{start: 100, count: 50}` is the 101st to the 150th class in the order of the data set, for folders
    their sorted names. With a `seed`, the order is drawn by the seed: runs of one seed that do not overlap
    have no class in common. As classes to retain, 'rest' becomes all that are neither to be forgotten nor in a proxy.

    Args:
        experiment: its configuration.
        classes: names of all classes of its data set.

    Returns:
        A copy of the experiment with the names.
    """
    experiment = copy.deepcopy(experiment)
    for section in _sections(experiment).values():
        for key, run in _runs(section).items():
            order = np.arange(len(classes))
            if "seed" in run:
                order = np.random.default_rng(run["seed"]).permutation(order)
            section[key] = [classes[number] for number in sorted(order[run["start"] : run["start"] + run["count"]])]
    selection = experiment["forget_set"]
    if selection.get("retain_classes") == REST and isinstance(selection.get("classes"), list):
        sections = [
            selection["classes"],
            *(proxy.get("classes", []) for proxy in experiment.get("proxies", {}).values()),
        ]
        taken = {str(name) for names in sections for name in names}
        selection["retain_classes"] = [name for name in classes if name not in taken]
    return experiment


def _sections(experiment: dict) -> dict[str, dict]:
    """The parts of an experiment in which runs of classes may stand, by their place."""
    proxies = {f"proxies.{name}": proxy for name, proxy in experiment.get("proxies", {}).items()}
    return {"forget_set": experiment["forget_set"], **proxies}


def _runs(section: dict) -> dict[str, dict]:
    return {key: value for key, value in section.items() if isinstance(value, dict) and "start" in value}


def _unknown_class(name: str, dataset: dict) -> str:
    names = dataset["classes"]
    if len(names) <= LISTED:
        return f"not a class of {dataset['name']}; its classes: {', '.join(names)}"
    near = difflib.get_close_matches(str(name), names, n=3)
    cure = f"did you mean {' or '.join(map(repr, near))}?" if near else f"they go from {names[0]} to {names[-1]}"
    return f"not one of the {len(names)} classes of {dataset['name']}; {cure}"

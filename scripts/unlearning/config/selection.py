"""Checks of what is to be forgotten, before any job."""

import copy
import difflib

import numpy as np

from unlearning.data.description import describe_dataset
from unlearning.data.forget_set import class_numbers, draw_size, retained_size

LISTED = 20  # classes; of more, a message says only the nearest


def check_selection(selection: dict, dataset: dict) -> list[str]:
    """Problems of a selection (the key `forget_set` of an experiment) for a described data set.

    Needs only the class counts of the data set's description, so it runs before any job.
    """
    names, counts = dataset["classes"], dataset["train_images"]
    total = sum(counts)
    if len({"classes", "indices", "attribute"} & set(selection)) != 1:
        return [f"forget_set = {selection!r}: give one of 'classes' (a list, or 'all'), 'attribute' and 'indices'"]
    if problem := _check_retained(selection, dataset):
        return [f"forget_set.retain_classes = {selection['retain_classes']!r}: {problem}"]
    if "indices" in selection:
        for key in sorted({"fraction", "samples", "seed"} & set(selection)):
            return [f"forget_set.{key} = {selection[key]!r}: goes with 'classes', not with 'indices'"]
        outside = [index for index in selection["indices"] if index >= total]
        if outside:
            return [f"forget_set.indices = {outside[0]}: must be a number in the training split, 0 to {total - 1}"]
        pool = chosen = len(selection["indices"])
    else:
        drawn = {"fraction", "samples"} & set(selection)
        if len(drawn) != ("seed" in selection):
            return [f"forget_set = {selection!r}: 'seed' goes with one of 'fraction' and 'samples'"]
        if "attribute" in selection:
            return _check_attribute(selection, dataset)
        wanted = selection["classes"]
        if isinstance(wanted, str) and wanted != "all":
            return [f"forget_set.classes = {wanted!r}: must be a list of class names, or 'all'"]
        if wanted == "all" and not drawn:
            return [
                "forget_set.classes = 'all': the retain set would be empty; add 'fraction' or 'samples', and 'seed'"
            ]
        unknown = [] if wanted == "all" else [name for name in wanted if str(name) not in names]
        if unknown:
            return [f"forget_set.classes = {unknown[0]!r}: {_unknown_class(unknown[0], dataset)}"]
        pool = sum(counts[number] for number in class_numbers(wanted, names))
        chosen = draw_size(selection, pool)
    if chosen > pool:
        return [f"forget_set.samples = {chosen}: there are only {pool} such training images; lower it"]
    if chosen == 0:
        return [f"forget_set = {selection!r}: chooses none of {pool} images; raise 'fraction'"]
    if chosen == total:
        return [f"forget_set = {selection!r}: chooses all {total} training images; the retain set would be empty"]
    return []


def group_sizes(selection: dict, dataset: dict) -> dict[str, int]:
    """How many images of each group a right selection leaves, as far as class counts tell.

    Without the images themselves nothing is known for an attribute, and of single images not which are held out.
    """
    train, heldout = np.array(dataset["train_images"]), np.array(dataset["heldout_images"])
    if "attribute" in selection:
        return {}
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


def check_proxies(experiment: dict) -> list[str]:
    """Problems of an experiment's `proxies`, image sets that stand for the retain set."""
    problems, dataset = [], describe_dataset(experiment["dataset"])
    selection = experiment["forget_set"]
    for name, proxy in experiment.get("proxies", {}).items():
        if "classes" in proxy:
            if not isinstance(selection.get("classes"), list) or "retain_classes" not in selection:
                problems.append(
                    f"proxies.{name}.classes = {proxy['classes']!r}: without a list of classes to forget, and "
                    "forget_set.retain_classes beside it, the retain set is all else, and leaves none to stand for it"
                )
                continue
            for wanted in map(str, proxy["classes"]):
                where = f"proxies.{name}.classes = {wanted!r}"
                if wanted not in dataset["classes"]:
                    problems.append(f"{where}: {_unknown_class(wanted, dataset)}")
                elif wanted in map(str, selection["classes"]):
                    problems.append(f"{where}: is to be forgotten; name other classes")
                elif wanted in map(str, selection["retain_classes"]) and not _left_to_proxies(selection, dataset):
                    problems.append(
                        f"{where}: all its images are in the retain set; name other classes, or leave some of them to "
                        "the proxy by forget_set.retain_fraction"
                    )
            continue
        where = f"proxies.{name}.dataset = {proxy['dataset']!r}"
        if proxy["dataset"] == experiment["dataset"]:
            problems.append(f"{where}: holds what is to be forgotten; name classes of it, or another data set")
            continue
        try:
            shape = describe_dataset(proxy["dataset"])["image_shape"]
        except ValueError as error:
            problems.append(f"{where}: {error}")
            continue
        if shape != dataset["image_shape"]:
            problems.append(
                f"{where}: its images are {shape} (channels, height, width), "
                f"those of {dataset['name']} {dataset['image_shape']}; name a data set of the same shape"
            )
    return problems


def check_runs(experiment: dict, classes: list[str]) -> list[str]:
    """Problems of runs of classes, `{start: …, count: …}`, anywhere in an experiment.

    Args:
        experiment: its configuration.
        classes: names of all classes of its data set.
    """
    return [
        f"{place}.{key} = {run!r}: there are only {len(classes)} classes, numbered from 0"
        for place, section in _sections(experiment).items()
        for key, run in section.items()
        if _is_run(run) and run["start"] + run["count"] > len(classes)
    ]


def with_runs_named(experiment: dict, classes: list[str]) -> dict:
    """An experiment with a list of names for every run of classes.

    A run `{start: 100, count: 50}` is the 101st to the 150th class in the order of the data set, for folders
    their sorted names; with a `seed`, in an order that the seed draws: runs of one seed that do not overlap
    have no class in common.
    """
    experiment = copy.deepcopy(experiment)
    for section in _sections(experiment).values():
        for key, run in section.items():
            if _is_run(run):
                order = np.arange(len(classes))
                if "seed" in run:
                    order = np.random.default_rng(run["seed"]).permutation(order)
                section[key] = [classes[number] for number in sorted(order[run["start"] : run["start"] + run["count"]])]
    return experiment


def _sections(experiment: dict) -> dict[str, dict]:
    proxies = {f"proxies.{name}": proxy for name, proxy in experiment.get("proxies", {}).items()}
    return {"forget_set": experiment["forget_set"], **proxies}


def _is_run(value: object) -> bool:
    return isinstance(value, dict) and "start" in value


def _unknown_class(wanted: str, dataset: dict) -> str:
    names = dataset["classes"]
    if len(names) <= LISTED:
        return f"not a class of {dataset['name']}; its classes: {', '.join(names)}"
    near = difflib.get_close_matches(str(wanted), names, n=3)
    cure = f"did you mean {' or '.join(map(repr, near))}?" if near else f"they go from {names[0]} to {names[-1]}"
    return f"not one of the {len(names)} classes of {dataset['name']}; {cure}"


def _check_attribute(selection: dict, dataset: dict) -> list[str]:
    attribute, known, total = selection["attribute"], dataset.get("attributes", []), sum(dataset["train_images"])
    if attribute in known:
        if selection.get("samples", 0) < total:  # how many have it, only the job knows
            return []
        return [f"forget_set.samples = {selection['samples']}: there are only {total} training images; lower it"]
    near = difflib.get_close_matches(attribute, known, n=3, cutoff=0.4)
    cure = f"did you mean {' or '.join(map(repr, near))}?" if near else f"it has {', '.join(known) or 'none'}"
    return [f"forget_set.attribute = {attribute!r}: not an attribute of {dataset['name']}; {cure}"]


def _check_retained(selection: dict, dataset: dict) -> str | None:
    if "retain_classes" not in selection:
        return None
    if not isinstance(selection.get("classes"), list):
        return "goes with 'classes', a list of the classes to forget"
    names = dataset["classes"]
    for name in map(str, selection["retain_classes"]):
        if name not in names:
            return f"{name!r} is {_unknown_class(name, dataset)}"
        if name in map(str, selection["classes"]):
            return f"{name!r} is to be forgotten; name other classes"
    images = sum(dataset["train_images"][number] for number in class_numbers(selection["retain_classes"], names))
    if not retained_size(selection, images):
        return f"none of their {images} training images would be retained; name others, or raise 'retain_fraction'"
    return None


def _left_to_proxies(selection: dict, dataset: dict) -> bool:
    retained = set(map(str, selection["retain_classes"]))
    pool = sum(
        count for name, count in zip(dataset["classes"], dataset["train_images"], strict=True) if name in retained
    )
    return retained_size(selection, pool) < pool

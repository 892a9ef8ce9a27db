"""The forget set: which training images are to be forgotten, and what stays to compare with.

Indices count the images of the prepared data set, whose training split comes first.
"""

import copy
import difflib
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from unlearning import plugins
from unlearning.files import atomic_path, read_json

LISTED = 20  # classes; of more, a message says only the nearest


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
        return {name: getattr(self, name) for name in plugins.GROUPS}

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
        pool = sum(counts[number] for number in _class_numbers(wanted, names))
        chosen = _draw_size(selection, pool)
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
    forgotten = _class_numbers(selection["classes"], dataset["classes"])
    forget = _draw_size(selection, int(train[forgotten].sum()))
    heldout_forget = 0 if len(forgotten) == len(train) else int(heldout[forgotten].sum())
    retain, heldout_retain = int(train.sum()) - forget, int(heldout.sum()) - heldout_forget
    if "retain_classes" in selection:
        retained = _class_numbers(selection["retain_classes"], dataset["classes"])
        retain = _retained_size(selection, int(train[retained].sum()))
        heldout_retain = int(heldout[retained].sum())
    return {"forget": forget, "retain": retain, "heldout_forget": heldout_forget, "heldout_retain": heldout_retain}


def check_proxies(experiment: dict) -> list[str]:
    """Problems of an experiment's `proxies`, image sets that stand for the retain set."""
    problems, dataset = [], plugins.describe("datasets", experiment["dataset"])
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
            shape = plugins.describe("datasets", proxy["dataset"])["image_shape"]
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


def of_classes(wanted: list, labels: np.ndarray, train: np.ndarray, classes: list[str]) -> np.ndarray:
    """Indices (n,) of the training images of some classes, given by name."""
    return np.flatnonzero(train & np.isin(labels, _class_numbers(wanted, classes)))


def spread_out(indices: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of the indices (n,), evenly spread: of images sorted by class, some of each."""
    indices = np.asarray(indices, int)
    return indices[np.linspace(0, len(indices) - 1, min(count, len(indices))).round().astype(int)]


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
        numbers = _class_numbers(wanted, classes)
        pool = training[np.isin(labels[training], numbers)]
        size = _draw_size(selection, len(pool))
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
        retained = _class_numbers(selection["retain_classes"], classes)
        retain, heldout_retain = (part[np.isin(labels[part], retained)] for part in (rest, heldout_retain))
        retain = spread_out(retain, _retained_size(selection, len(retain)))
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
    images = sum(dataset["train_images"][number] for number in _class_numbers(selection["retain_classes"], names))
    if not _retained_size(selection, images):
        return f"none of their {images} training images would be retained; name others, or raise 'retain_fraction'"
    return None


def _draw_size(selection: dict, pool: int) -> int:
    return selection.get("samples", round(pool * selection.get("fraction", 1)))


def _left_to_proxies(selection: dict, dataset: dict) -> bool:
    retained = set(map(str, selection["retain_classes"]))
    pool = sum(
        count for name, count in zip(dataset["classes"], dataset["train_images"], strict=True) if name in retained
    )
    return _retained_size(selection, pool) < pool


def _retained_size(selection: dict, images: int) -> int:
    return round(images * selection.get("retain_fraction", 1))


def _class_numbers(wanted: list | str, classes: list[str]) -> list[int]:
    return list(range(len(classes))) if wanted == "all" else sorted({classes.index(str(name)) for name in wanted})

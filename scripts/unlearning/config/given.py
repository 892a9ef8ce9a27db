"""Weights that an experiment names in place of training: what can be wrong with their keys, and with their files."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from unlearning.config.experiment import (
    REFERENCES,
    algorithm_of,
    autoencoder_of,
    method_constant,
    references_of,
)
from unlearning.data.dataset import class_names
from unlearning.io import given_files
from unlearning.plugins.describe import plugin_constant
from unlearning.plugins.outside import location

CLASSIFIERS = ("judge", "guide")
TRAINING = ("seed", "epochs", "batch_size", "learning_rate", "noise")  # keys that say how a classifier is trained


@dataclass(frozen=True)
class Given:
    """One file of weights.

    Attributes:
        key: place in the configuration, such as 'guide.weights'.
        entry: what stands there, for this file alone, see `given_files.one_of`.
        seed: of the run whose original the file is; None for a classifier.
    """

    key: str
    entry: dict
    seed: int | None = None


def has_weights(experiment: dict, name: str) -> bool:
    """Whether weights are given for 'original', 'judge' or 'guide'."""
    return "weights" in experiment.get(name, {})


def has_moments(experiment: dict) -> bool:
    """Whether the state of Adam is given with the weights for 'original'."""
    return "moments" in experiment.get("original", {})


def given_files_of(experiment: dict, name: str) -> list[Given]:
    """The files of weights that are given for 'original' (by seed), or for 'judge' or 'guide' (by network)."""
    if not has_weights(experiment, name):
        return []
    key, weights = f"{name}.weights", experiment[name]["weights"]
    if name == "original":
        return _by_seed(key, weights, experiment["seeds"])
    networks = list(range(experiment[name].get("networks", 1)))
    return [Given(key, given_files.one_of(weights, "network", networks, number)) for number in networks]


def given_moments_of(experiment: dict) -> list[Given]:
    """The files of the state of Adam that are given for 'original', by seed."""
    if not has_moments(experiment):
        return []
    return _by_seed("original.moments", experiment["original"]["moments"], experiment["seeds"])


def all_given(experiment: dict) -> list[Given]:
    """All files of weights and moments that are given in an experiment."""
    weights = [given for name in ("original", *CLASSIFIERS) for given in given_files_of(experiment, name)]
    return [*weights, *given_moments_of(experiment)]


def _by_seed(key: str, entry: dict, seeds: list[int]) -> list[Given]:
    return [Given(key, given_files.one_of(entry, "seed", seeds, seed), seed) for seed in seeds]


def check_given(experiment: dict) -> Iterator[str]:
    """Problems of the keys by which weights are given, or references left out, that the schema lets pass.

    Args:
        experiment: its configuration, valid by the schema.

    Yields:
        One line for each problem.
    """
    for name, placeholder in (("original", "seed"), ("judge", "network"), ("guide", "network")):
        if has_weights(experiment, name):
            files = experiment["seeds"] if name == "original" else range(experiment[name].get("networks", 1))
            yield from _keys(f"{name}.weights", experiment[name]["weights"], placeholder, len(files))
    yield from _classifiers(experiment)
    if has_weights(experiment, "original"):
        yield from _original(experiment)
    if "training" in experiment and not _trains(experiment):
        yield "training: unused, because original.weights are given and 'references' lacks 'retrain'; remove 'training'"


def _trains(experiment: dict) -> bool:
    return not has_weights(experiment, "original") or "retrain" in references_of(experiment)


def _keys(key: str, weights: dict, placeholder: str, files: int) -> Iterator[str]:
    """The keys must name files, one way, and say of a file from elsewhere which one is meant."""
    named = [kind for kind in ("file", "url") if kind in weights]
    if len(named) != 1:
        yield f"{key}: must have one of 'file' and 'url', but has {' and '.join(named) or 'neither'}; write one"
        return
    (kind,) = named
    for other in sorted(set(re.findall(r"\{(\w*)\}", weights[kind])) - {placeholder}):
        yield f"{key}.{kind} = {weights[kind]!r}: unknown placeholder {{{other}}}; allowed: {{{placeholder}}}"
    several = f"{{{placeholder}}}" in weights[kind]
    if kind == "url":
        for missing in sorted({"folder", "sha256"} - weights.keys()):
            yield f"{key}.{missing}: missing; a file from a URL needs it"
    elif "folder" in weights:
        yield f"{key}.folder = {weights['folder']!r}: is for a 'url' alone; leave it out, or write it into 'file'"
    if weights.get("sha256", "") is None:
        yield (
            f"{key}.sha256 = null: weights are not used unchecked: fetch {weights[kind]} once, and write here what "
            "`sha256sum` says of a copy that you trust"
        )
    elif "sha256" in weights:
        count = len(weights["sha256"]) if isinstance(weights["sha256"], list) else 1
        if isinstance(weights["sha256"], list) != several or (several and count != files):
            need = f"a list of {files}, one for each file" if several else "one, for the one file"
            yield f"{key}.sha256: has {count} checksum(s), but must be {need}"
    if key == "judge.weights" and files > 1 and not several:
        yield (
            f"{key}.{kind} = {weights[kind]!r}: one file for {files} networks, which would all be the same; set "
            "judge.networks to 1, or write {network} into the name"
        )
    for pattern, replacement in weights.get("rename", {}).get("patterns", {}).items():
        try:
            re.compile(pattern)
            re._parser.parse_template(replacement, re.compile(pattern))
        except (re.error, IndexError) as error:
            yield f"{key}.rename.patterns: {pattern!r} to {replacement!r}: no regular expression: {error}; correct it"


def _classifiers(experiment: dict) -> Iterator[str]:
    """Where weights are given, nothing may say how to train; and a judge must not be the guide."""
    for name in CLASSIFIERS:
        if has_weights(experiment, name):
            for setting in sorted(set(TRAINING) & experiment[name].keys()):
                yield (
                    f"{name}.{setting} = {experiment[name][setting]!r}: says how to train, but weights are given; "
                    "leave it out"
                )
    if all(has_weights(experiment, name) for name in CLASSIFIERS):
        judge, guide = ({_identity(given.entry) for given in given_files_of(experiment, name)} for name in CLASSIFIERS)
        if both := judge & guide:
            yield (
                f"guide.weights: {both.pop()} is a network of 'judge', too: a loss must not hold the classifier that "
                "judges its results; give other weights"
            )


def _identity(entry: dict) -> str:
    return entry.get("sha256") or entry.get("url") or str(Path(entry["file"]).resolve())


def _original(experiment: dict) -> Iterator[str]:
    """There can be no other weights to start from, and moments of Adam must be there exactly where a row needs them."""
    ((model, parameters),) = experiment["model"].items()
    key = plugin_constant("models", location("models", model), "PUBLISHED_WEIGHTS")
    if parameters.get(key):
        yield f"model.{model}.{key}: weights to start training from, but original.weights are given; set it to null"
    rows = {name: experiment["unlearning"] | row for name, row in experiment["methods"].items()}
    warm = [name for name, row in rows.items() if row["optimizer"] == "adam_warm"]
    if has_moments(experiment):
        yield from _moments(experiment, warm)
        return
    for name in warm:
        yield (
            f"methods.{name}: has the optimiser 'adam_warm', which starts from the moments at the end of training, and "
            "the given weights come without them; add original.moments, or set 'adam'"
        )


def _moments(experiment: dict, warm: list[str]) -> Iterator[str]:
    """Moments must be of the same trainings as the weights, and a row must start from them."""
    weights, moments = (experiment["original"][key] for key in ("weights", "moments"))
    yield from _keys("original.moments", moments, "seed", len(experiment["seeds"]))
    by_seed = ["{seed}" in "".join(entry.get(kind, "") for kind in ("file", "url")) for entry in (weights, moments)]
    if by_seed[0] != by_seed[1]:
        yield (
            "original.moments: one file for each seed goes with weights for each seed, and one file for all seeds with "
            "weights for all; write {seed} into both names, or into none"
        )
    if not warm:
        yield "original.moments: no row has the optimiser 'adam_warm', which starts from them; leave this out"


def check_local_files(experiments: dict[str, dict]) -> None:
    """Refuse local files of weights that are not there, or have another checksum; see `given_files.check_local`."""
    for name, experiment in experiments.items():
        for given in all_given(experiment):
            if "file" in given.entry:
                given_files.check_local(given.entry, f"configs/{name}.yaml: {given.key}")


def check_contents(name: str, experiment: dict, part: str, dataset: dict, data: Path, source: str | None) -> None:
    """Fetch files of weights where they have a URL, and refuse those that do not fit the networks.

    `given_weights.load_given` and `given_files.fetch` raise a ValueError, and it imports torch.

    Args:
        name: of the experiment.
        experiment: its configuration.
        part: 'original', 'judge' or 'guide'.
        dataset: the description of its data set.
        data: folder of data.
        source: the user's own source of original files; None for the URLs.
    """
    from unlearning.networks import generative, given_weights
    from unlearning.networks.classifier import Classifier

    seen = set()
    for given in given_files_of(experiment, part):
        entry = given.entry
        path = _path_of(entry, data, source)
        if path in seen:
            continue
        seen.add(path)
        if part == "original":
            network = generative.build(experiment["model"], dataset["image_shape"], given.seed)
        else:
            classes, settings = class_names(experiment["forget_set"], dataset), experiment[part]
            layers = settings["hidden_units"], settings.get("convolutions", [])
            network = Classifier(dataset["image_shape"], len(classes), *layers)
        given_weights.load_given(network, path, entry, f"configs/{name}.yaml: {given.key}")


def check_moments(name: str, experiment: dict, dataset: dict, data: Path, source: str | None) -> None:
    """Fetch files of moments where they have a URL, and refuse those that do not fit the model.

    `given_moments.load_moments` and `given_files.fetch` raise a ValueError, and it imports torch.

    Args:
        name: of the experiment.
        experiment: its configuration.
        dataset: the description of its data set.
        data: folder of data.
        source: the user's own source of original files; None for the URLs.
    """
    from unlearning.networks import generative
    from unlearning.networks.given_moments import load_moments, ordered_parameters

    for weights, moments in zip(given_files_of(experiment, "original"), given_moments_of(experiment), strict=True):
        network = generative.build(experiment["model"], dataset["image_shape"], weights.seed)
        paths = [_path_of(given.entry, data, source) for given in (weights, moments)]
        keys = [f"configs/{name}.yaml: {given.key}" for given in (weights, moments)]
        names = ordered_parameters(network, paths[0], weights.entry, keys[0])
        load_moments(network, names, paths[1], moments.entry, keys[1])


def _path_of(entry: dict, data: Path, source: str | None) -> Path:
    """The file of an entry, fetched where it has a URL."""
    if "url" in entry:
        return given_files.fetch(entry, (data / given_files.fetched_record(entry)).parent, source)
    return Path(entry["file"])


def check_references(experiment: dict) -> Iterator[str]:
    """Without retrained models, methods are compared with baselines alone, and some figures have nothing to show."""
    if references_of(experiment) == list(REFERENCES):
        if autoencoder_of(experiment):
            yield "references: there is no retrained model on latents yet; set references: [original]"
        return
    rows = [row for row in experiment["methods"] if row == algorithm_of(experiment, row)]
    if len(experiment["methods"]) < 2 or not any(method_constant(experiment, row, "BASELINE", False) for row in rows):
        yield (
            "references: leaves out 'retrain', and 'methods' must then have a method to compare with, and another one; "
            "add a row of finetune, or name both references"
        )
    for figure in experiment["figures"]:
        if plugin_constant("figures", figure, "NEEDS_RETRAINED", False):
            yield f"figures: {figure!r} needs retrained models, which 'references' leaves out; remove one of the two"

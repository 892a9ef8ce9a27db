"""What the configuration of an experiment says of its rows, data sets and weights, once it is checked."""

import json
import os
from pathlib import Path

from unlearning.io.downloads import expand_home
from unlearning.plugins.describe import plugin_constant
from unlearning.plugins.outside import location, remember

REFERENCES = ("original", "retrain")
AUTOENCODER = "autoencoder"  # key of a model that works on latents: published weights that nothing trains
OUTSIDE_FILES = "outside_files"  # key of a checked experiment: the files by kind and name, as the user wrote them


def algorithm_of(experiment: dict, method: str) -> str:
    """The algorithm of one row of `methods`: the name of its file."""
    return experiment["methods"][method].get("algorithm", method)


def method_constant(experiment: dict, method: str, variable: str, default: object = None) -> object:
    """A literal in the file of the algorithm of one row of `methods`, see `plugin_constant`."""
    return plugin_constant("methods", location("methods", algorithm_of(experiment, method)), variable, default)


def references_of(experiment: dict) -> list[str]:
    """The references of an experiment, in the order of tables: both, unless the key `references` names one alone."""
    return [name for name in REFERENCES if name in experiment.get("references", REFERENCES)]


def uses_inception(experiment: dict) -> bool:
    """Whether an experiment is judged on Inception's features instead of the judge's."""
    return experiment["evaluation"].get("features") == "inception"


def running_statistics(evaluation: dict) -> str:
    """Where running statistics of a judged model come from, by the key `evaluation`: 'retain' or 'as_left'."""
    return evaluation.get("running_statistics", "retain")


def bound_of(evaluation: dict) -> str:
    """Return the bound on log p(x) that the key `evaluation` names: 'elbo' or 'importance_weighted'."""
    return evaluation.get("elbo_bound", "elbo")


def needs_densities(experiment: dict) -> bool:
    """Whether a metric of an experiment needs log-probabilities of real images, see `unlearning.evaluation.density`."""
    metrics = experiment["evaluation"]["metrics"]
    return "log_probabilities" in {plugin_constant("metrics", name, "NEEDS") for name in metrics}


def evaluation_rule(experiment: dict) -> str:
    """The rule that evaluates the runs of an experiment."""
    return "evaluate_density" if needs_densities(experiment) else "evaluate"


def datasets_of(experiment: dict) -> set[str]:
    """Names of the data sets that an experiment reads: its own data set and those of its proxies."""
    proxies = experiment.get("proxies", {}).values()
    return {experiment["dataset"], *(proxy["dataset"] for proxy in proxies if "dataset" in proxy)}


def run_settings(experiment: dict, method: str, seed: int) -> dict:
    """The settings of one run, as its `record.json` must state them.

    Args:
        experiment: its configuration.
        method: a row of `methods`, or one of `REFERENCES`.
        seed: of the run.

    Returns:
        For a reference: model, training and seed. For a method: see `method_settings`.
    """
    if method in REFERENCES:
        return {"model": experiment["model"], "training": experiment["training"], "seed": seed}
    return method_settings(experiment, method)


def other_seed(seeds: list[int], seed: int) -> int | None:
    """The seed that follows another one in a list, or the first after the last; None where there is only one."""
    return seeds[(seeds.index(seed) + 1) % len(seeds)] if len(seeds) > 1 else None


def method_settings(experiment: dict, method: str) -> dict:
    """The settings of one unlearning run.

    Args:
        experiment: its configuration.
        method: a row of `methods`.

    Returns:
        The keys of `unlearning`, with the row's own values where it sets any; `running_statistics` and `threshold` of
        `evaluation`; `algorithm`; `retain_images`, an entry of `proxies` or "retain"; and `parameters`, which are the
        algorithm's.
    """
    row = {key: value for key, value in experiment["methods"][method].items() if key != "algorithm"}
    proxy = row.pop("retain_images", None)
    shared = experiment["unlearning"]
    if row.get("optimizer", shared["optimizer"]) != "adamw":
        shared = {key: value for key, value in shared.items() if key != "adamw"}
    own = {key: value for key, value in row.items() if key in (*shared, "trainable")}
    return {
        **shared,
        **own,
        "running_statistics": running_statistics(experiment["evaluation"]),
        "threshold": experiment["evaluation"].get("threshold"),
        "algorithm": algorithm_of(experiment, method),
        "retain_images": experiment["proxies"][proxy] if proxy else "retain",
        "parameters": {key: value for key, value in row.items() if key not in own},
    }


def autoencoder_of(experiment: dict) -> dict[str, dict]:
    """The frozen autoencoder whose latents a model learns, by its place in the configuration; empty without one."""
    ((model, parameters),) = experiment["model"].items()
    return {f"model.{model}.{AUTOENCODER}": parameters[AUTOENCODER]} if AUTOENCODER in parameters else {}


def rows_alike_but_for(experiment: dict, keys: tuple[str, ...]) -> list[dict[str, dict]]:
    """The sweeps of an experiment: rows of `methods` that differ in some of the keys and in no other setting.

    Args:
        experiment: its configuration.
        keys: settings that may differ.

    Returns:
        For each sweep, the rows by name, each with its values of the keys.
    """
    sweeps = {}
    for name, row in experiment["methods"].items():
        settings = {**experiment["unlearning"], **row, "algorithm": algorithm_of(experiment, name)}
        values = {key: settings.pop(key) for key in keys if key in settings}
        sweeps.setdefault(json.dumps(settings, sort_keys=True), {})[name] = values
    return [rows for rows in sweeps.values() if any(values != next(iter(rows.values())) for values in rows.values())]


def published_weights(experiment: dict) -> dict[str, dict[str, dict]]:
    """Weights made by others that an experiment names.

    Args:
        experiment: its configuration.

    Returns:
        For each kind of plug-in that reads such weights, "models" and "metrics", and for "autoencoders", which every
        job with a model reads: the place in the configuration, such as "evaluation.embedding", and what stands there.
    """
    ((model, parameters),) = experiment["model"].items()
    evaluation = experiment["evaluation"]
    readers = [("models", model, f"model.{model}", parameters)]
    readers += [("metrics", metric, "evaluation", evaluation) for metric in evaluation["metrics"]]
    weights = {"models": {}, "metrics": {}, "autoencoders": autoencoder_of(experiment)}
    for kind, plugin, place, settings in readers:
        key = plugin_constant(kind, location(kind, plugin), "PUBLISHED_WEIGHTS")
        if settings.get(key):
            weights[kind][f"{place}.{key}"] = settings[key]
    return weights


def remember_files(experiment: dict) -> None:
    """Let the process find the files of an experiment; `remember` raises a ValueError if it knows others.

    Args:
        experiment: its configuration, checked.
    """
    for kind, paths in experiment.get(OUTSIDE_FILES, {}).items():
        for name, path in paths.items():
            remember(kind, name, absolute(path))


def absolute(path: str) -> Path:
    """A path that a user wrote, from the working directory or from the home folder."""
    return Path(os.path.normpath(Path.cwd() / expand_home(path)))

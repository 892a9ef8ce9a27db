"""Reading and checking the configuration, before any job starts.

A plug-in file describes itself in literals at its top, which are read without running it: every job of a cluster
parses the workflow again, so that parsing must be quick and imports no torch.
"""

import copy
import os
import re
from functools import cache
from pathlib import Path

from jsonschema import Draft202012Validator, SchemaError

from unlearning.config.checks import check_experiment
from unlearning.config.experiment import OUTSIDE_FILES, REFERENCES, datasets_of
from unlearning.config.folders import check_folders, check_source
from unlearning.config.messages import violations
from unlearning.config.outside import take_names
from unlearning.config.selection import check_runs, with_runs_named
from unlearning.config.strict_yaml import ConfigError, read_yaml
from unlearning.data.description import describe_dataset
from unlearning.io.downloads import expand_home
from unlearning.io.files import ROOT
from unlearning.plugins.describe import DEFINITIONS, describe_plugin, plugin_names
from unlearning.plugins.outside import location, shown_path

EXPERIMENT_NAME = "[a-z0-9][a-z0-9_-]*"


def load_settings(overrides: dict, root: Path = ROOT) -> dict:
    """Read and check `config.yaml`: what to run, and where. A ConfigError names every problem.

    Args:
        overrides: the values given by `--config`, which win.
        root: folder of the repository.

    Returns:
        The settings, valid by `schemas/config.schema.yaml`.
    """
    settings = read_yaml("config.yaml", root) | overrides
    source = settings.get("data_source")
    if isinstance(source, str):  # Snakemake hands `--config data_source=null` on as text, to jobs as 'None'
        settings["data_source"] = None if source.lower() in ("", "null", "none") else expand_home(source)
    for key in ("results", "data"):
        if isinstance(settings.get(key), str):
            settings[key] = expand_home(settings[key])
    schema = read_yaml("schemas/config.schema.yaml", root)
    # An experiment's name becomes part of paths and of shell commands.
    schema["properties"]["experiments"]["items"]["enum"] = sorted(
        file.stem for file in (root / "configs").glob("*.yaml") if re.fullmatch(EXPERIMENT_NAME, file.stem)
    )
    problems = violations(settings, schema)
    _refuse("config.yaml", [*problems, *_unseen_files(settings, root)] if problems else check_folders(settings, root))
    return settings | {key: os.path.normpath(settings[key]) for key in ("results", "data")}


def load_experiments(settings: dict) -> dict[str, dict]:
    """Read and check the experiments that `config.yaml` names. A ConfigError names every problem.

    Args:
        settings: `config.yaml`, as `load_settings` returns it.

    Returns:
        The configurations by name.
    """
    experiments = {name: load_experiment(name) for name in settings["experiments"]}
    _refuse("config.yaml", check_source(settings, set().union(*map(datasets_of, experiments.values()))))
    return experiments


def load_experiment(name: str, root: Path = ROOT) -> dict:
    """Read and check `configs/{name}.yaml`, one complete experiment.

    Args:
        name: of the experiment.
        root: folder of the repository.

    Returns:
        The configuration, with a list of names for every run of classes.

    Raises:
        ConfigError: the file is wrong; the message has one line for each problem.
    """
    file = f"configs/{name}.yaml"
    experiment, files, problems = take_names(read_yaml(file, root))
    _refuse(file, problems)
    outside = frozenset((kind, own) for kind, paths in files.items() for own in paths)
    schema = experiment_schema(root, _used_plugins(experiment), outside)
    problems = _renamed_keys(experiment) or violations(experiment, _with_rows(schema, experiment))
    _refuse(file, _as_written(problems, files))
    try:
        dataset = describe_dataset(experiment["dataset"])
    except ValueError as error:
        raise ConfigError(f"{file}: dataset = {experiment['dataset']!r}: {error}") from None
    _refuse(file, check_runs(experiment, dataset["classes"]))
    experiment = with_runs_named(experiment, dataset["classes"])
    _refuse(file, _as_written(check_experiment(experiment, dataset), files))
    return experiment | ({OUTSIDE_FILES: files} if files else {})


def _unseen_files(settings: dict, root: Path) -> list[str]:
    """What is wrong with names in `config.yaml` of experiments whose files are there."""
    names = settings["experiments"] if isinstance(settings.get("experiments"), list) else []
    asked = {Path(str(name)).stem.lower() for name in names} | {str(name).lower() for name in names}
    problems = []
    for file in sorted((root / "configs").rglob("*.y*ml")):
        shown = file.relative_to(root)
        if not asked.intersection({file.name.lower(), file.stem.lower()}):
            continue
        if file.parent != root / "configs":
            problems.append(f"experiments: {shown} is not seen: move the file to configs/")
        elif file.suffix != ".yaml" or not re.fullmatch(EXPERIMENT_NAME, file.stem):
            problems.append(
                f"experiments: {shown} is not seen: the name must be small letters, digits, _ and -, must begin with a "
                "letter or a digit, and must end in .yaml; rename the file"
            )
        elif file.stem not in names:
            problems.append(f"experiments: the experiment of {shown} is called {file.stem}")
    return problems


@cache
def experiment_schema(
    root: Path = ROOT,
    used: frozenset[tuple[str, str]] | None = None,
    outside: frozenset[tuple[str, str]] = frozenset(),
) -> dict:
    """The closed schema of an experiment: the fixed part, and what each plug-in file declares.

    Args:
        root: folder of the repository.
        used: kinds and names of models and methods. Other files are not read: they may be drafts. None for all files.
        outside: kinds and names of the plug-ins outside the repository.

    Returns:
        The schema.
    """
    names = {kind: plugin_names(kind) + [name for of, name in sorted(outside) if of == kind] for kind in DEFINITIONS}
    schema = read_yaml("schemas/experiment.schema.yaml", root)
    properties = schema["properties"]
    row = schema["$defs"]["method_row"]["properties"]
    properties["dataset"]["enum"] = names["datasets"]
    properties["proxies"]["additionalProperties"]["properties"]["dataset"]["enum"] = names["datasets"]
    kinds = {
        "models": ("model", {}, {"file"}),
        "methods": ("methods", row, {*row, *properties["unlearning"]["properties"]}),
    }
    for kind, (key, optional, reserved) in kinds.items():
        properties[key]["properties"] = {
            name: _schema_of(kind, name, optional, reserved) if used is None or (kind, name) in used else {}
            for name in names[kind]
        }
    properties["evaluation"]["properties"]["metrics"]["items"]["enum"] = names["metrics"]
    properties["figures"]["items"]["enum"] = names["figures"]
    tables = sorted(file.stem for file in (root / "published").glob("*.csv"))
    for key in ("table", "corrected"):
        properties["published"]["properties"][key]["enum"] = tables
    return schema


def _schema_of(kind: str, name: str, optional: dict, reserved: set[str]) -> dict:
    """The closed schema of a plug-in.

    Args:
        kind: "models" or "methods".
        name: of the plug-in.
        optional: schemas of keys that every plug-in of the kind has besides its own parameters.
        reserved: names that no parameter may have.

    Returns:
        The schema. All parameters of the plug-in are required.

    Raises:
        ConfigError: a parameter has a reserved name, or its schema is not a JSON schema.
    """
    parameters, place = describe_plugin(kind, location(kind, name)), f"{shown_path(kind, name)}: PARAMETERS"
    for key in sorted(reserved.intersection(parameters)):
        raise ConfigError(f"{place}.{key}: this name is reserved for a key of the configuration; choose another")
    schema = {
        "type": "object",
        "properties": {**parameters, **optional},
        "required": list(parameters),
        "additionalProperties": False,
    }
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        key = ".".join(str(part) for part in list(error.absolute_path)[1:])
        raise ConfigError(f"{place}.{key}: no JSON schema: {error.message}") from None
    return schema


def _with_rows(schema: dict, experiment: dict) -> dict:
    """The schema, with an entry for each row of `methods` that names its algorithm."""
    schema = copy.deepcopy(schema)
    methods = schema["properties"]["methods"]
    algorithms = dict(methods["properties"])
    for name, row in _rows(experiment).items():
        if "algorithm" in row and isinstance(name, str):
            no_algorithm = {"type": "object", "properties": {}}
            entry = copy.deepcopy(algorithms.get(str(row["algorithm"]), no_algorithm))
            entry["properties"]["algorithm"] = {"enum": [name] if name in algorithms else list(algorithms)}
            methods["properties"][name] = entry
    methods["propertyNames"] = {"pattern": f"^(?!({'|'.join(REFERENCES)})$)[a-z][a-z0-9_]*$"}
    return schema


def _renamed_keys(experiment: dict) -> list[str]:
    """Keys of earlier commits, each with its name of today."""
    return [
        f"methods.{name}.rule = {row['rule']!r}: renamed to 'algorithm'; write 'algorithm: {row['rule']}'"
        for name, row in _rows(experiment).items()
        if "rule" in row
    ]


def _used_plugins(experiment: dict) -> frozenset[tuple[str, str]]:
    """Kinds and names of the models and methods in an experiment that is not checked yet."""
    keys = {"models": "model", "methods": "methods"}
    names = [
        (kind, name) for kind, key in keys.items() if isinstance(experiment.get(key), dict) for name in experiment[key]
    ]
    return frozenset(
        names + [("methods", str(row["algorithm"])) for row in _rows(experiment).values() if "algorithm" in row]
    )


def _rows(experiment: dict) -> dict[str, dict]:
    """The rows of `methods` that are mappings, in an experiment that is not checked yet."""
    rows = experiment.get("methods")
    return {name: row for name, row in rows.items() if isinstance(row, dict)} if isinstance(rows, dict) else {}


def _as_written(problems: list[str], files: dict[str, dict[str, str]]) -> list[str]:
    """The problems with the keys that the user wrote: beside `file`, a model's keys stand under `model` itself."""
    for name in files.get("models", ()):
        problems = [re.sub(rf"^model\.{name}\b", "model", problem) for problem in problems]
    return problems


def _refuse(file: str, problems: list[str]) -> None:
    """End with all problems of a file, where there are any.

    Raises:
        ConfigError: there are.
    """
    if problems:
        raise ConfigError("\n".join(f"{file}: {problem}" for problem in problems))

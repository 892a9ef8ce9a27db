"""Reading and checking the configuration, before any job starts.

Nothing here imports torch: every cluster job parses the workflow again, and parsing must be quick.
A dataset, model, method or metric describes itself in a literal (``DATASET``, ``PARAMETERS`` or
``METRICS``) at the top of its file; `describe_plugin` reads it without running the file.
"""

import copy
import os
import re
from functools import cache
from pathlib import Path

from jsonschema import Draft202012Validator, SchemaError

from unlearning.config.checks import check_experiment, check_folders
from unlearning.config.experiment import REFERENCES
from unlearning.config.messages import violations
from unlearning.config.selection import check_runs, with_runs_named
from unlearning.config.strict_yaml import ConfigError, read_yaml
from unlearning.data.description import describe_dataset
from unlearning.io.files import ROOT
from unlearning.plugins.describe import describe_plugin, plugin_names


def load_settings(overrides: dict, root: Path = ROOT) -> dict:
    """Read `config.yaml`, what to run and where, with the values given by ``--config`` on top.

    Raises:
        ConfigError: any value outside `schemas/config.schema.yaml`, or an experiment without a file.
    """
    settings = read_yaml("config.yaml", root) | overrides
    schema = read_yaml("schemas/config.schema.yaml", root)
    # An experiment's name becomes part of paths and of shell commands.
    schema["properties"]["experiments"]["items"]["enum"] = sorted(
        file.stem for file in (root / "configs").glob("*.yaml") if re.fullmatch("[a-z0-9][a-z0-9_-]*", file.stem)
    )
    _refuse("config.yaml", violations(settings, schema))
    _refuse("config.yaml", check_folders(settings, root))
    return settings | {key: os.path.normpath(settings[key]) for key in ("results", "data")}


def load_experiment(name: str, root: Path = ROOT) -> dict:
    """Read and check `configs/{name}.yaml`, one complete experiment; runs of classes are given as their names.

    Raises:
        ConfigError: every problem of the file in one message, one line each.
    """
    file = f"configs/{name}.yaml"
    experiment = read_yaml(file, root)
    _refuse(file, violations(experiment, _with_rows(experiment_schema(root), experiment)))
    try:
        dataset = describe_dataset(experiment["dataset"])
    except ValueError as error:
        raise ConfigError(f"{file}: dataset = {experiment['dataset']!r}: {error}") from None
    _refuse(file, check_runs(experiment, dataset["classes"]))
    experiment = with_runs_named(experiment, dataset["classes"])
    _refuse(file, check_experiment(experiment, dataset))
    return experiment


@cache
def experiment_schema(root: Path = ROOT) -> dict:
    """The closed schema of an experiment: the fixed part plus what each plugin file declares."""
    schema = read_yaml("schemas/experiment.schema.yaml", root)
    properties = schema["properties"]
    row = schema["$defs"]["method_row"]["properties"]
    properties["dataset"]["enum"] = plugin_names("datasets")
    properties["proxies"]["additionalProperties"]["properties"]["dataset"]["enum"] = plugin_names("datasets")
    properties["model"]["properties"] = _described("models")
    properties["methods"]["properties"] = _described("methods", row, {*row, *properties["unlearning"]["properties"]})
    properties["evaluation"]["properties"]["metrics"]["items"]["enum"] = plugin_names("metrics")
    properties["figures"]["items"]["enum"] = plugin_names("figures")
    tables = sorted(file.stem for file in (root / "published").glob("*.csv"))
    properties["published"]["properties"]["table"]["enum"] = tables
    return schema


def _with_rows(schema: dict, experiment: object) -> dict:
    """The schema, with an entry for each row of `methods` that names its method by `algorithm`."""
    rows = experiment.get("methods") if isinstance(experiment, dict) else None
    files = schema["properties"]["methods"]["properties"]
    own = {}
    for name, row in rows.items() if isinstance(rows, dict) else ():
        if isinstance(row, dict) and "algorithm" in row and isinstance(name, str):
            known = isinstance(row["algorithm"], str) and row["algorithm"] in files
            own[name] = (
                copy.deepcopy(files[row["algorithm"]]) if known else {"type": "object", "properties": {"algorithm": {}}}
            )
            own[name]["properties"]["algorithm"] = {"enum": [name] if name in files else list(files)}
    schema = copy.deepcopy(schema)
    methods = schema["properties"]["methods"]
    methods["properties"] |= own
    methods["propertyNames"] = {"pattern": f"^(?!({'|'.join(REFERENCES)})$)[a-z][a-z0-9_]*$"}
    return schema


def _described(kind: str, optional: dict | None = None, reserved: set[str] = frozenset()) -> dict:
    """A closed schema for each plug-in of a kind: its own parameters, all of them required, none of a reserved name."""
    schemas = {}
    for name in plugin_names(kind):
        parameters = describe_plugin(kind, name)
        for taken in reserved.intersection(parameters):
            raise ConfigError(
                f"scripts/unlearning/{kind}/{name}.py: PARAMETERS.{taken}: a setting of the loop has this name; "
                "choose another"
            )
        schemas[name] = {
            "type": "object",
            "properties": {**parameters, **(optional or {})},
            "required": list(parameters),
            "additionalProperties": False,
        }
        try:
            Draft202012Validator.check_schema(schemas[name])
        except SchemaError as error:
            where = ".".join(str(part) for part in list(error.absolute_path)[1:])
            raise ConfigError(
                f"scripts/unlearning/{kind}/{name}.py: PARAMETERS.{where}: no JSON schema: {error.message}"
            ) from None
    return schemas


def _refuse(label: str, problems: list[str]) -> None:
    if problems:
        raise ConfigError("\n".join(f"{label}: {problem}" for problem in problems))

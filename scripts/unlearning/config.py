"""Reading and checking the configuration, before any job starts.

Nothing here imports torch: every cluster job parses the workflow again, and parsing must be quick.
A dataset, model, method or metric describes itself in a literal (``DATASET``, ``PARAMETERS`` or
``METRICS``) at the top of its file; `plugins.describe` reads it without running the file.
"""

import difflib
import re
from functools import cache
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator, SchemaError

from unlearning import plugins
from unlearning.forget_set import check_selection

ROOT = Path(__file__).resolve().parents[2]
REFERENCES = ("original", "retrain")


class ConfigError(ValueError):
    """The configuration cannot be run; the message says where, what and how to mend it."""


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML that refuses a repeated key and reads 1e-3 as a number, as YAML 1.2 does."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen and key_node.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} occurs twice; rename or remove one", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def read_yaml(name: str, root: Path = ROOT) -> dict:
    """Read one YAML mapping.

    Args:
        name: of the file, relative to the root of the repository.

    Raises:
        ConfigError: the file does not parse, repeats a key or is not a mapping.
    """
    try:
        content = yaml.load((root / name).read_bytes(), Loader=_StrictLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"{name}{where}: not valid YAML: {getattr(error, 'problem', error)}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{name}: must be a mapping of keys to values, but holds {content!r}")
    return content


def load_settings(overrides: dict, root: Path = ROOT) -> dict:
    """Read `config.yaml`, what to run and where, with the values given by ``--config`` on top.

    Raises:
        ConfigError: any value outside `schemas/config.schema.yaml`, or an experiment without a file.
    """
    settings = read_yaml("config.yaml", root) | overrides
    schema = read_yaml("schemas/config.schema.yaml", root)
    schema["properties"]["experiments"]["items"]["enum"] = sorted(
        file.stem for file in (root / "configs").glob("*.yaml")
    )
    _refuse("config.yaml", _violations(settings, schema))
    return settings


def load_experiment(name: str, root: Path = ROOT) -> dict:
    """Read and check `configs/{name}.yaml`, one complete experiment.

    Raises:
        ConfigError: every problem of the file in one message, one line each.
    """
    file = f"configs/{name}.yaml"
    experiment = read_yaml(file, root)
    _refuse(file, _violations(experiment, experiment_schema(root)))
    dataset = plugins.describe("datasets", experiment["dataset"])
    _refuse(
        file,
        [
            *check_selection(experiment["forget_set"], dataset),
            *_check_schedule(experiment["unlearning"]),
        ],
    )
    return experiment


@cache
def experiment_schema(root: Path = ROOT) -> dict:
    """The closed schema of an experiment: the fixed part plus what each plugin file declares."""
    schema = read_yaml("schemas/experiment.schema.yaml", root)
    properties = schema["properties"]
    row = schema["$defs"]["method_row"]["properties"]
    properties["dataset"]["enum"] = plugins.names("datasets")
    properties["model"]["properties"] = _described("models")
    properties["methods"]["properties"] = _described("methods", optional=row)
    properties["evaluation"]["properties"]["metrics"]["items"]["enum"] = plugins.names("metrics")
    return schema


def method_settings(experiment: dict, method: str) -> dict:
    """What one unlearning run depends on: the shared settings, the row's overrides, its parameters."""
    row = experiment["methods"][method]
    shared = experiment["unlearning"]
    return {
        **shared,
        **{key: value for key, value in row.items() if key in shared},
        "parameters": {key: value for key, value in row.items() if key not in shared},
    }


def _described(kind: str, optional: dict | None = None) -> dict:
    """A closed schema for each plug-in of a kind: its own parameters, all of them required."""
    schemas = {}
    for name in plugins.names(kind):
        parameters = plugins.describe(kind, name)
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


def _check_schedule(unlearning: dict) -> list[str]:
    untils = [part["until"] for part in unlearning["measure"]]
    if untils != sorted(set(untils)):
        return [f"unlearning.measure: 'until' must grow from part to part, but reads {untils}"]
    if untils[-1] < unlearning["steps"]:
        return [
            f"unlearning.measure: ends at step {untils[-1]}, before unlearning.steps = {unlearning['steps']}; "
            "add a part, or raise the last 'until'"
        ]
    return []


def _refuse(label: str, problems: list[str]) -> None:
    if problems:
        raise ConfigError("\n".join(f"{label}: {problem}" for problem in problems))


def _violations(content: dict, schema: dict) -> list[str]:
    errors = Draft202012Validator(schema).iter_errors(content)
    return [line for error in sorted(errors, key=lambda error: error.json_path) for line in _explain(error)]


def _explain(error) -> list[str]:
    """Say one schema violation in words: key, value, what is allowed, the nearest valid spelling."""
    path = ".".join(str(part) for part in error.absolute_path)
    value, limit = error.instance, error.validator_value
    described = error.schema.get("description", "")
    described = f" ({described})" if described else ""

    if error.validator == "additionalProperties":
        allowed = sorted(error.schema["properties"])
        return [
            f"{_join(path, key)} = {value[key]!r}: unknown key; allowed: {', '.join(allowed)}{_nearest(key, allowed)}"
            for key in value
            if key not in allowed
        ]
    if error.validator == "required":
        key = re.match(r"'(.*)' is a required", error.message).group(1)
        meaning = error.schema["properties"].get(key, {}).get("description", "")
        return [f"{_join(path, key)}: missing; add it" + (f" ({meaning})" if meaning else "")]
    if error.validator == "dependentRequired":
        return [f"{path} = {value!r}: {error.message}; add it"]
    if error.validator == "enum":
        allowed = [str(item) for item in limit]
        return [f"{path} = {value!r}: must be one of {', '.join(allowed)}{_nearest(str(value), allowed)}"]
    if error.validator == "type":
        limit = " or ".join([limit] if isinstance(limit, str) else limit)
    meaning = {
        "type": "must be of type {}",
        "minimum": "must be at least {}",
        "exclusiveMinimum": "must be greater than {}",
        "maximum": "must be at most {}",
        "exclusiveMaximum": "must be less than {}",
        "minLength": "must have at least {} character(s)",
        "minItems": "must have at least {} item(s)",
        "minProperties": "must have at least {} key(s)",
        "maxProperties": "must have at most {} key(s)",
        "uniqueItems": "must not repeat an item",
    }.get(error.validator, error.message)
    return [f"{path} = {value!r}: {meaning.format(limit)}{described}"]


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else str(key)


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(str(word), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""

"""What a JSON schema finds wrong, in words: which key, which value, what is allowed, the nearest valid spelling."""

import difflib
import re
from collections.abc import Iterator

import numpy as np
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

LARGEST_NUMBER = 1e100
SMALLEST, LARGEST = float(np.finfo(np.float32).smallest_normal), float(np.finfo(np.float32).max)  # of 32 bits


def _check_type(validator: Draft202012Validator, types: str | list, value: object, schema: dict) -> Iterator:
    """The keyword `type`, which for a number also asks that jobs can compute with it."""
    yield from Draft202012Validator.VALIDATORS["type"](validator, types, value, schema)
    if "number" in types and type(value) in (int, float) and not _is_float32(value):
        yield ValidationError("not a number of 32 bits")


# JSON Schema takes 1e3 for an integer, but YAML reads it as a float, with which jobs cannot count.
Validator = extend(
    Draft202012Validator,
    validators={"type": _check_type},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "integer": lambda _, value: type(value) is int,
            "number": lambda _, value: type(value) in (int, float),
        }
    ),
)
REQUIREMENTS = {
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
    "contains": "must contain {}",
    "const": "must be {}",
    "pattern": "must match {}",
}


def violations(content: dict, schema: dict) -> list[str]:
    """Say what is wrong in a content by a schema.

    Args:
        content: what a YAML file holds.
        schema: a JSON schema, whose descriptions become part of the messages.

    Returns:
        One line for each problem. Where numbers are out of all bounds, these problems alone: no comparison with NaN
        is true, so that a schema does not find it.
    """
    if problems := _numbers_out_of_bounds(content, ""):
        return problems
    errors = sorted(Validator(schema).iter_errors(content), key=lambda error: error.json_path)
    return [line for error in errors for line in _explain(error)]


def _is_float32(value: float) -> bool:
    """Whether a number of 32 bits, with which jobs compute, is neither infinite nor as good as zero in its place."""
    return value == 0 or SMALLEST <= abs(value) <= LARGEST


def nearest(word: str, known: list[str]) -> str:
    """The end of a message: "; did you mean 'finetune'?", or nothing where no known word is near."""
    close = difflib.get_close_matches(str(word), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _numbers_out_of_bounds(value: object, path: str) -> list[str]:
    """Numbers that are not finite or absurdly large, anywhere in a content."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []
    problems = [line for key, part in parts for line in _numbers_out_of_bounds(part, _join(path, key))]
    if isinstance(value, int | float) and not abs(value) <= LARGEST_NUMBER:
        text = f"a number of {value.bit_length()} bits" if isinstance(value, int) else repr(value)
        problems.append(f"{path} = {text}: must be a number from {-LARGEST_NUMBER:g} to {LARGEST_NUMBER:g}")
    return problems


def _explain(error: ValidationError) -> list[str]:
    """The problems that one error of the validator stands for."""
    path = ".".join(str(part) for part in error.absolute_path)
    place = f"{path} = {error.instance!r}"
    match error.validator:
        case "additionalProperties":
            allowed = sorted(error.schema["properties"])
            return [
                f"{_join(path, key)} = {value!r}: unknown key; allowed: {', '.join(allowed)}{nearest(key, allowed)}"
                for key, value in error.instance.items()
                if key not in allowed
            ]
        case "required":
            key = re.match(r"'(.*)' is a required", error.message).group(1)
            properties = error.schema.get("properties", {})
            return [f"{_join(path, key)}: missing; add it{_description(properties.get(key, {}))}"]
        case "anyOf":  # a mapping or null: what is wrong in the mapping
            inside = [part for part in error.context if part.validator != "type" or part.path]
            lines = [line for part in inside for line in _explain(part)]
            return lines or [f"{place}: must be a mapping or null{_description(error.schema)}"]
        case "dependentRequired":
            return [f"{place}: {error.message}; add it"]
        case "enum":
            allowed = [str(item) for item in error.validator_value]
            return [f"{place}: must be one of {', '.join(allowed)}{nearest(str(error.instance), allowed)}"]
        case "type" if "number" in error.validator_value and type(error.instance) in (int, float):
            return [
                f"{place}: jobs compute with 32 bits, in which this number is {0 if abs(error.instance) < 1 else '∞'}; "
                f"must be 0, or of a size from {SMALLEST:.3g} to {LARGEST:.3g}"
                f"{_description(error.schema)}"
            ]
    template = REQUIREMENTS.get(error.validator)
    requirement = template.format(_limit(error)) if template else error.message
    if error.validator == "type" and "string" in error.validator_value and not isinstance(error.instance, list | dict):
        requirement += "; write a name that looks like a number, a date, true or null in quotes, as it is spelt"
    return [f"{place}: {requirement}{_description(error.schema)}"]


def _limit(error: ValidationError) -> object:
    """The value in the schema that a content violates, in words."""
    limit = error.validator_value
    if error.validator == "contains":
        limit = limit.get("enum", limit)
    return " or ".join(limit) if isinstance(limit, list) else limit


def _description(schema: dict) -> str:
    return f" ({schema['description']})" if schema.get("description") else ""


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)

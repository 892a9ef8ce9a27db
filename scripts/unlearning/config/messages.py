"""What a JSON schema finds wrong, in words: which key, which value, what is allowed, the nearest valid spelling."""

import difflib
import re

from jsonschema import Draft202012Validator
from jsonschema.validators import extend

LARGEST_NUMBER = 1e100
# JSON Schema takes 1e3 for an integer, but YAML reads it as a float, with which jobs cannot count.
Validator = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int),
)


def violations(content: dict, schema: dict) -> list[str]:
    """One line for each violation; odd numbers first, for comparisons with them say nothing."""
    if odd := _odd_numbers(content, ""):
        return odd
    errors = Validator(schema).iter_errors(content)
    return [line for error in sorted(errors, key=lambda error: error.json_path) for line in _explain(error)]


def _odd_numbers(value: object, path: str) -> list[str]:
    """Numbers that no schema would catch: a comparison with NaN is never true."""
    if isinstance(value, dict):
        return [line for key, part in value.items() for line in _odd_numbers(part, _join(path, key))]
    if isinstance(value, list):
        return [line for index, part in enumerate(value) for line in _odd_numbers(part, _join(path, str(index)))]
    if isinstance(value, int | float) and not abs(value) <= LARGEST_NUMBER:
        shown = f"a number of {value.bit_length()} bits" if isinstance(value, int) else repr(value)
        return [f"{path} = {shown}: must be a number of at most {LARGEST_NUMBER:g}"]
    return []


def _explain(error) -> list[str]:
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
    if error.validator == "anyOf":  # a mapping or null: what is wrong in the mapping
        inside = [part for part in error.context if part.validator != "type" or part.path]
        return [line for part in inside for line in _explain(part)] or [
            f"{path} = {value!r}: must be a mapping or null{described}"
        ]
    if error.validator == "dependentRequired":
        return [f"{path} = {value!r}: {error.message}; add it"]
    if error.validator == "enum":
        allowed = [str(item) for item in limit]
        return [f"{path} = {value!r}: must be one of {', '.join(allowed)}{_nearest(str(value), allowed)}"]
    if error.validator == "type":
        limit = " or ".join([limit] if isinstance(limit, str) else limit)
    if error.validator == "contains" and "enum" in limit:
        limit = " or ".join(limit["enum"])
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
        "contains": "must contain {}",
        "const": "must be {}",
        "pattern": "must match {}",
    }.get(error.validator)
    return [f"{path} = {value!r}: {meaning.format(limit) if meaning else error.message}{described}"]


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else str(key)


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(str(word), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""

"""Datasets, models, methods, metrics and figures: one file each, found by its name.

`describe` reads the literal at the top of such a file without running it, so that the workflow is
parsed without importing torch; `load` imports the file in the job that uses it.
"""

import ast
from functools import cache
from pathlib import Path

LIBRARY = Path(__file__).parents[1]
LITERAL = {"datasets": "DATASET", "models": "PARAMETERS", "methods": "PARAMETERS", "metrics": "METRICS"}
DEFINITIONS = {
    "datasets": ("fetch", "read"),
    "models": ("Model",),
    "methods": ("direction",),
    "metrics": ("compute",),
    "figures": ("draw",),
}


def plugin_names(kind: str) -> list[str]:
    """The known names of a kind, one of the keys of `DEFINITIONS`, sorted."""
    return sorted(file.stem for file in (LIBRARY / kind).glob("*.py") if file.stem != "__init__")


@cache
def describe_plugin(kind: str, name: str) -> dict:
    """The self-description of one plug-in file, read without running it; figures have none.

    That of a data set in folders of classes has the classes and counts of the user's copy.

    Raises:
        ValueError: the file does not parse, does not assign the literal, or lacks a definition; for a
            method, also if the parameters of `direction` are not those that it declares; for a data set,
            see `class_listing.complete`.
    """
    path, literal = LIBRARY / kind / f"{name}.py", LITERAL[kind]
    body = _parse(kind, name)
    values = _assigned(body, literal)
    try:
        (value,) = values
        described = {**_evaluate(value, kind)}
    except (TypeError, ValueError):
        raise ValueError(f"{path}: must assign {literal} = {{...}} at its top level, once and as a literal") from None

    if kind == "methods":
        functions = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}
        for function in ("direction", "prepare"):
            if function in functions:
                arguments = functions[function].args
                if not arguments.args:
                    raise ValueError(
                        f"{path}: {function} must take a first argument, see {path.parent / '__init__.py'}"
                    )
                taken = [argument.arg for argument in (*arguments.args[1:], *arguments.kwonlyargs)]
                if set(taken) != set(described):
                    raise ValueError(
                        f"{path}: {function} takes {taken} besides its first argument, "
                        f"but PARAMETERS has {list(described)}"
                    )
    return described


def _evaluate(value: ast.expr, kind: str) -> dict:
    """A literal, another file's as in `uno.PARAMETERS`, or several in one as in `{**uno.PARAMETERS, "key": ...}`."""
    if isinstance(value, ast.Attribute):
        file = ast.unparse(value.value)
        if value.attr != LITERAL[kind] or file not in plugin_names(kind):
            raise ValueError(ast.unparse(value))
        return describe_plugin(kind, file)
    if isinstance(value, ast.Dict) and None in value.keys:
        described = {}
        for key, part in zip(value.keys, value.values, strict=True):
            if key is None and not isinstance(part, ast.Attribute):
                raise ValueError(ast.unparse(part))
            described |= _evaluate(part, kind) if key is None else {ast.literal_eval(key): ast.literal_eval(part)}
        return described
    return ast.literal_eval(value)


@cache
def plugin_constant(kind: str, name: str, variable: str, otherwise: object = None) -> object:
    """A literal that a plug-in file assigns at its top level, read without running it.

    Raises:
        ValueError: the file does not parse, or lacks a definition.
    """
    values = _assigned(_parse(kind, name), variable)
    return ast.literal_eval(values[-1]) if values else otherwise


@cache
def completes(model: str) -> bool:
    """Whether a model completes images from a part of them: its class has a method `completions`."""
    classes = [node for node in _parse("models", model) if isinstance(node, ast.ClassDef)]
    return any(
        isinstance(node, ast.FunctionDef) and node.name == "completions" for each in classes for node in each.body
    )


def _parse(kind: str, name: str) -> list[ast.stmt]:
    path = LIBRARY / kind / f"{name}.py"
    try:
        body = ast.parse(path.read_text(encoding="utf-8")).body
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8: {error}") from None
    except SyntaxError as error:
        raise ValueError(f"{path}, line {error.lineno}: not valid Python: {error.msg}") from None
    defined = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for needed in DEFINITIONS[kind]:
        if needed not in defined:
            raise ValueError(f"{path}: must define {needed}, see {path.parent / '__init__.py'}")
    return body


def _assigned(body: list[ast.stmt], name: str) -> list[ast.expr]:
    return [node.value for node in body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name]

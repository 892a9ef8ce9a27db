"""What a plug-in file declares, read from its syntax tree.

Nothing here runs or imports a plug-in file: the workflow is parsed without torch, in every job of a cluster again.
"""

import ast
from functools import cache
from pathlib import Path

from unlearning.plugins.outside import location

LIBRARY = Path(__file__).parents[1]
# What each kind of file must define, and the literal that describes its settings or results. Figures have none.
DEFINITIONS = {
    "datasets": ("fetch", "read"),
    "models": ("Model",),
    "methods": ("direction",),
    "metrics": ("compute",),
    "figures": ("draw",),
}
DESCRIPTION = {"datasets": "DATASET", "models": "PARAMETERS", "methods": "PARAMETERS", "metrics": "METRICS"}
# The groups of rows of tables that a method may declare as `GROUP`.
METHOD_GROUPS = ("finetuning", "ascent", "surgery", "uno", "others")
# Functions that take one argument from the loop, and then every parameter that the file declares.
TAKE_PARAMETERS = {"methods": ("direction", "prepare")}


def plugin_names(kind: str) -> list[str]:
    """The names of all plug-ins of a kind, one of the keys of `DEFINITIONS`, sorted."""
    # Python cannot import `my-draft.py`, nor the dangling link `.#finetune.py` that Emacs makes.
    files = [file for file in (LIBRARY / kind).glob("*.py") if file.stem.isidentifier() and file.is_file()]
    return sorted(file.stem for file in files if file.stem != "__init__")


@cache
def describe_plugin(kind: str, name: str) -> dict:
    """The description at the top of a plug-in file: its literal `DATASET`, `PARAMETERS` or `METRICS`.

    Args:
        kind: one of the keys of `DESCRIPTION`.
        name: of the file, without `.py`; of a file outside the repository, its `location`.

    Returns:
        The value of the literal.

    Raises:
        ValueError: the file does not parse, does not assign the literal, or lacks a definition; or a function of
            `TAKE_PARAMETERS` has other arguments than the parameters that the file declares.
    """
    path, literal, body = LIBRARY / kind / f"{name}.py", DESCRIPTION[kind], _parse(kind, name)
    try:
        (value,) = _assigned(body, literal)
        description = {**_evaluate(value, kind)}
    except (TypeError, ValueError):
        raise ValueError(f"{path}: must assign {literal} = {{...}} at its top level, once and as a literal") from None
    for node in body:
        if isinstance(node, ast.FunctionDef) and node.name in TAKE_PARAMETERS.get(kind, ()):
            _check_arguments(node, list(description), path)
    return description


@cache
def plugin_constant(kind: str, name: str, variable: str, default: object = None) -> object:
    """A further literal at the top level of a plug-in file, such as `NEEDS`.

    Args:
        kind: one of the keys of `DEFINITIONS`.
        name: of the file, without `.py`; of a file outside the repository, its `location`.
        variable: the name that the literal is assigned to.
        default: the value where the file does not assign the variable.

    Returns:
        The value of the literal.

    Raises:
        ValueError: the file does not parse, lacks a definition, or assigns something else than a literal.
    """
    values = _assigned(_parse(kind, name), variable)
    try:
        return ast.literal_eval(values[-1]) if values else default
    except ValueError:
        raise ValueError(f"{LIBRARY / kind / name}.py: {variable} must be a literal") from None


@cache
def method_heading(name: str) -> tuple[str, str]:
    """How tables and figures show a method.

    Args:
        name: of its file.

    Returns:
        Its `TITLE`, by default the name in words, and its `GROUP`, by default 'others'.

    Raises:
        ValueError: the file declares a title that is no text, or an unknown group.
    """
    place = location("methods", name)
    path = LIBRARY / "methods" / f"{place}.py"
    title = plugin_constant("methods", place, "TITLE", name.replace("_", " ").capitalize())
    group = plugin_constant("methods", place, "GROUP", METHOD_GROUPS[-1])
    if not isinstance(title, str) or not title.strip():
        raise ValueError(f"{path}: TITLE = {title!r}: must be a text that is not empty")
    if group not in METHOD_GROUPS:
        raise ValueError(f"{path}: GROUP = {group!r}: must be one of {', '.join(map(repr, METHOD_GROUPS))}")
    return title, group


@cache
def completes(model: str) -> bool:
    """Whether a model completes images from a part of them, instead of generating images from noise.

    Args:
        model: the name of its file.

    Returns:
        Whether the class `Model` in this file defines a method `completions`.
    """
    return defines(model, "completions")


def defines(model: str, method: str) -> bool:
    """Whether the class `Model` in the file of a model defines a method. An inherited method does not count.

    Args:
        model: the name of its file.
        method: the name of the method.

    Returns:
        Whether it does.
    """
    body = _parse("models", location("models", model))
    classes = [node for node in body if isinstance(node, ast.ClassDef) and node.name == "Model"]
    return any(isinstance(node, ast.FunctionDef) and node.name == method for each in classes for node in each.body)


def _evaluate(value: ast.expr, kind: str) -> dict:
    """Evaluate a literal, in which `uno.PARAMETERS` and `{**uno.PARAMETERS, "key": ...}` mean the literal of uno.py.

    Args:
        value: the expression.
        kind: of the plug-in file, and of the other files that the expression names.

    Returns:
        The value.

    Raises:
        ValueError: the expression is neither a literal nor built of other files' literals in this way.
    """
    if isinstance(value, ast.Attribute):
        file = ast.unparse(value.value)
        if value.attr != DESCRIPTION[kind] or file not in plugin_names(kind):
            raise ValueError(ast.unparse(value))
        return describe_plugin(kind, file)
    if isinstance(value, ast.Dict) and None in value.keys:
        description = {}
        for key, part in zip(value.keys, value.values, strict=True):
            if key is None and not isinstance(part, ast.Attribute):
                raise ValueError(ast.unparse(part))
            description |= _evaluate(part, kind) if key is None else {ast.literal_eval(key): ast.literal_eval(part)}
        return description
    return ast.literal_eval(value)


def _check_arguments(function: ast.FunctionDef, parameters: list[str], path: Path) -> None:
    """Require that a function takes a first argument, and then exactly the parameters.

    Raises:
        ValueError: it does not.
    """
    arguments = function.args
    if not arguments.args:
        raise ValueError(f"{path}: {function.name} must take a first argument, see {path.parent / '__init__.py'}")
    others = [argument.arg for argument in (*arguments.args[1:], *arguments.kwonlyargs)]
    if set(others) != set(parameters):
        raise ValueError(
            f"{path}: {function.name} takes {others} besides its first argument, but PARAMETERS has {parameters}"
        )


def _parse(kind: str, name: str) -> list[ast.stmt]:
    """Parse a plug-in file.

    Args:
        kind: one of the keys of `DEFINITIONS`.
        name: of the file, without `.py`, or an absolute path without `.py`.

    Returns:
        Its statements.

    Raises:
        ValueError: the file does not parse, or lacks a definition.
    """
    path = LIBRARY / kind / f"{name}.py"
    try:
        body = ast.parse(path.read_text(encoding="utf-8")).body
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8: {error}") from None
    except SyntaxError as error:
        raise ValueError(f"{path}, line {error.lineno}: not valid Python: {error.msg}") from None
    definitions = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for required in DEFINITIONS[kind]:
        if required not in definitions:
            raise ValueError(f"{path}: must define {required}, see {path.parent / '__init__.py'}")
    return body


def _assigned(body: list[ast.stmt], variable: str) -> list[ast.expr]:
    """The values that statements assign to a variable, in order."""
    return [node.value for node in body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == variable]

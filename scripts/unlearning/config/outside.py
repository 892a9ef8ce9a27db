"""The key `file` of an experiment: a model, a method or a data set in a Python file outside the repository."""

import ast
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

from unlearning.config.experiment import absolute
from unlearning.config.messages import violations
from unlearning.io.downloads import expand_home
from unlearning.io.given_files import check_local
from unlearning.plugins.describe import LIBRARY, describe_plugin, plugin_names
from unlearning.plugins.outside import remember, shown_path
from unlearning.runtime import syntax

# What the class `Model` must define in each family of models, see `unlearning.models`.
GENERATES = ("loss_noise", "losses", "latents", "samples")
COMPLETES = ("loss_noise", "losses", "completion_noise", "hidden_pixels", "completions", "embedding")
COMPLETES += ("encoder_parameters",)
# What a data set must say of itself. The files of the repository are tested, and those of users are checked by this.
DATASET = {
    "type": "object",
    "required": ["name", "title", "source", "licence", "files", "image_shape", "classes"],
    "properties": {
        **{key: {"type": "string"} for key in ("name", "title", "source", "licence")},
        **{key: {"type": "object"} for key in ("files", "pictures", "images_per_class")},
        **{key: {"type": "array", "items": {"type": "integer"}} for key in ("train_images", "heldout_images")},
        "image_shape": {
            "description": "channels, height, width",
            "type": "array",
            "minItems": 3,
            "maxItems": 3,
            "items": {"type": "integer", "minimum": 1},
        },
    },
    "if": {"properties": {"classes": {"const": "folders"}}, "required": ["classes"]},
    "then": {"required": ["pictures", "images_per_class"]},
    "else": {"required": ["train_images", "heldout_images"], "properties": {"classes": {"type": "array"}}},
}


def take_names(experiment: dict) -> tuple[dict, dict[str, dict[str, str]], list[str]]:
    """Put the names of plug-ins where an experiment names files, and let the process find the files.

    Args:
        experiment: its configuration, which is not checked yet.

    Returns:
        The configuration without a key `file`; the files as under `OUTSIDE_FILES`; and one line for each problem.
    """
    experiment, files, problems = deepcopy(experiment), {}, []
    for key, kind, parent, last in _places(experiment):
        settings = dict(parent[last])
        path = settings.pop("file")
        if problem := next(_problems(key, kind, path, settings), None):
            problems.append(problem)
            continue
        name = Path(path).stem
        files.setdefault(kind, {})[name] = path
        forms = {"models": {name: settings}, "methods": {"algorithm": name, **settings}, "datasets": name}
        parent[last] = forms[kind]
    return experiment, files, problems


def _places(experiment: dict) -> list[tuple[str, str, dict, str]]:
    """Where an experiment has a key `file`: the key above it, the kind of plug-in, and the mapping with this key."""
    rows, proxies = (experiment[key] if isinstance(experiment.get(key), dict) else {} for key in ("methods", "proxies"))
    places = [("model", "models", experiment, "model"), ("dataset", "datasets", experiment, "dataset")]
    places += [(f"methods.{row}", "methods", rows, row) for row in rows]
    places += [
        (f"proxies.{name}.dataset", "datasets", proxy, "dataset")
        for name, proxy in proxies.items()
        if isinstance(proxy, dict)
    ]
    return [place for place in places if isinstance(place[2].get(place[3]), dict) and "file" in place[2][place[3]]]


def _problems(key: str, kind: str, path: object, settings: dict) -> Iterator[str]:
    """What is wrong with a file, or with what stands beside it. Without a problem, the process can find the file."""
    place = f"{key}.file = {path!r}"
    if not isinstance(path, str) or not path:
        yield f"{place}: must be the path of a Python file"
        return
    try:
        check_local({"file": expand_home(path)}, key)
    except ValueError as error:
        yield str(error)
        return
    except OSError as error:
        yield f"{place}: cannot be read: {error.strerror}"
        return
    file = absolute(path)
    if file.suffix != ".py" or not file.stem.isidentifier():
        yield f"{place}: must have a name of letters, digits and _ that ends in .py; rename the file"
    elif (LIBRARY / kind / file.name).exists():
        yield f"{place}: {shown_path(kind, file.stem)} has the same name; rename the file"
    yield from _keys(key, kind, file.stem, settings)
    try:
        description = describe_plugin(kind, str(file.with_suffix("")))
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        reason = str(error).partition(", see ")[0]  # a file of the repository would have the answer beside it
        yield f"{place}: {reason}; docs/add_your_own.md says what the file must hold"
        return
    if kind == "datasets" and (wrong := violations(description, DATASET)):
        yield f"{place}: DATASET: {'; '.join(wrong)}"
    if kind == "models" and (missing := _missing_methods(tree)):
        yield f"{place}: the class Model lacks {', '.join(missing)}; docs/add_your_own.md says what the file must hold"
    if neighbour := next(_neighbours(tree, file.parent), None):
        yield (
            f"{place}: imports {neighbour}, a file beside it, and no job would run again after a change of that file; "
            f"put the code into {file.name}, or install it as a package"
        )
    try:
        remember(kind, file.stem, file)
    except ValueError as error:
        yield f"{place}: {error}"


def _keys(key: str, kind: str, name: str, settings: dict) -> Iterator[str]:
    """The keys beside `file` must not name another plug-in, nor may the row do so."""
    if kind == "datasets":
        yield from (f"{key}.{other} = {value!r}: unknown key; allowed: file" for other, value in settings.items())
    if kind == "methods" and "algorithm" in settings:
        yield f"{key}.algorithm = {settings['algorithm']!r}: the row has 'file', too; leave one of the two out"
    row = key.rpartition(".")[2]
    if kind == "methods" and row != name and row in plugin_names("methods"):
        yield f"{key}: the row has the name of {shown_path(kind, row)}; give it another name"


def _missing_methods(tree: ast.Module) -> list[str]:
    """What the class `Model` does not define; nothing if it may inherit that from elsewhere."""
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    waiting, bodies = ["Model"], {}
    while waiting:
        name = waiting.pop()
        if name not in classes:
            if name.rpartition(".")[2] != "Module":
                return []
        elif name not in bodies:
            bodies[name] = set().union(*map(syntax.bound, classes[name].body))
            waiting += map(ast.unparse, classes[name].bases)
    needed = COMPLETES if "completions" in bodies["Model"] else GENERATES
    return [name for name in needed if name not in set().union(*bodies.values())]


def _neighbours(tree: ast.Module, folder: Path) -> Iterator[str]:
    """The modules in the folder of a file that the file imports."""
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in {name.partition(".")[0] for name in names} - {"unlearning", *sys.stdlib_module_names}:
            for module in (f"{name}.py", f"{name}/__init__.py"):
                if (folder / module).is_file():
                    yield module

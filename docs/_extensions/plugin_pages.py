"""What the plug-ins' files say of themselves: for the pages on methods, models, data sets and metrics."""

import ast
import re

from configurations import configured

from unlearning.config.experiment import algorithm_of
from unlearning.evaluation.description import PANELS, describe_columns, describe_metrics
from unlearning.plugins.describe import (
    LIBRARY,
    completes,
    describe_plugin,
    method_heading,
    plugin_constant,
    plugin_names,
)
from unlearning.reporting.rows import GROUPS

# What stands on a general page where a table has the words of its experiment.
WORDS = {
    "features": "features",
    "embeddings": "embeddings",
    "bound": "ELBO",
    "samples": "N",
    "retained": "N",
    "pooled": "all",
}


def docstring(kind: str, name: str) -> str:
    """The docstring of a plug-in's file, which is Markdown. The file is not run."""
    return ast.get_docstring(ast.parse((LIBRARY / kind / f"{name}.py").read_text(encoding="utf-8"))) or ""


def cell(value: object) -> str:
    """A text for a cell of a Markdown table."""
    return str(value).replace("|", "\\|").replace("\n", " ").replace("*", "\\*")


def linked(text: str, itself: str = "") -> str:
    """Link the names of methods and configurations in a text to their sections, and papers on arXiv.

    Args:
        text: Markdown.
        itself: the method whose section the text is, which is not linked.

    Returns:
        Markdown.
    """
    methods = set(plugin_names("methods")) - {itself}

    def link(match: re.Match) -> str:
        return f"[{match[0]}](#method-{match[1]})" if match[1] in methods else match[0]

    text = re.sub(r"`(\w+)`", link, text)
    text = re.sub(r"arXiv (\d{4}\.\d{5})", r"[arXiv \1](https://arxiv.org/abs/\1)", text)
    return re.sub(r"(?<![\w/])(?:configs/)?([\w-]+)\.yaml\b", lambda match: configuration(match[1], match[0]), text)


def configuration(name: str, text: str) -> str:
    """Link a configuration to its section; a text alone where there is no such configuration."""
    return f"[{text}](#experiment-{name})" if name in configured() else text


def methods() -> list[dict]:
    """Groups of methods in the order of tables, each with its `title` and `methods`."""
    groups = {key: {"title": title, "methods": []} for key, title in GROUPS.items() if key != "references"}
    for name in plugin_names("methods"):
        title, group = method_heading(name)
        described = {
            "name": name,
            "title": title,
            "text": linked(docstring("methods", name), name),
            "models": {"generating": "models that generate", "completing": "models that complete"}.get(
                plugin_constant("methods", name, "MODELS"), "all models"
            ),
            "guide": plugin_constant("methods", name, "NEEDS_GUIDE", False),
            "encoder_only": plugin_constant("methods", name, "ENCODER_ONLY", False),
            "parameters": parameters("methods", name, method_uses(name)),
            "experiments": sorted(method_uses(name)),
        }
        groups[group]["methods"].append(described)
    return [group for group in groups.values() if group["methods"]]


def method_uses(name: str) -> dict[str, list[dict]]:
    """The settings of each row that runs a method, by configuration."""
    uses = {}
    for experiment, settings in configured().items():
        rows = [row or {} for key, row in settings["methods"].items() if algorithm_of(settings, key) == name]
        if rows:
            uses[experiment] = rows
    return uses


def models() -> list[dict]:
    """The models, with their parameters."""
    described = []
    for name in plugin_names("models"):
        uses = {key: [each["model"][name]] for key, each in configured().items() if name in each["model"]}
        first, _, text = docstring("models", name).partition("\n\n")
        described.append(
            {
                "name": name,
                "summary": linked(first),
                "text": linked(text),
                "does": "completes images" if completes(name) else "generates images",
                "parameters": parameters("models", name, uses),
                "experiments": sorted(uses),
            }
        )
    return described


def datasets() -> list[dict]:
    """The data sets, as their files describe them."""
    described = []
    for name in plugin_names("datasets"):
        facts, text = describe_plugin("datasets", name), docstring("datasets", name)
        folders = facts["classes"] == "folders"
        count = facts.get("images_per_class")
        counts = (
            f"{count['train']:,} images of each class to train, {count['val']:,} held out"
            if folders
            else f"{sum(facts['train_images']):,} images to train, {sum(facts['heldout_images']):,} held out"
        )
        described.append(
            {
                **{key: facts.get(key, "") for key in ("title", "source", "licence", "differences")},
                "name": name,
                "text": linked(text),
                "shape": "×".join(map(str, facts["image_shape"])),
                "counts": counts,
                "classes": "the folders of your copy" if folders else listing(facts["classes"]),
                "attributes": listing(facts.get("attributes", [])),
                "experiments": sorted(key for key, each in configured().items() if each["dataset"] == name),
            }
        )
    return described


def listing(names: list[str], most: int = 10) -> str:
    """The first names of a list, and how many follow."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def metrics() -> list[dict]:
    """The panels in their order, each with `title` and `metrics`; then the metrics of no panel."""
    panels = {key: {"title": title, "metrics": []} for key, title in {**PANELS, None: "In no panel"}.items()}
    for file in plugin_names("metrics"):
        columns = describe_columns(file)
        for name, entry in describe_metrics(file).items():
            described = {
                "name": name,
                "file": file,
                "label": filled(entry["label"]),
                "unit": entry["unit"],
                "description": filled(entry["description"]),
                "goal": columns[name]["better"] or ("retrained" if entry.get("normalised") else ""),
            }
            panels[columns[name]["panel"]]["metrics"].append(described)
    return list(panels.values())


def metric_files() -> list[dict]:
    """The files of metrics: `name`, `text` of the docstring, and the names of the `metrics`."""
    return [
        {"name": name, "text": linked(docstring("metrics", name)), "metrics": list(describe_plugin("metrics", name))}
        for name in plugin_names("metrics")
    ]


def filled(text: str) -> str:
    """A label or description with general words in place of those of one experiment."""
    for key, words in WORDS.items():
        text = text.replace(f"{{{key}}}", words)
    return re.sub(r"\{\w+(\[\w+\])?\}", "…", text)


def parameters(kind: str, name: str, uses: dict[str, list[dict]]) -> list[dict]:
    """The keys of a plug-in in a configuration.

    Args:
        kind: "methods" or "models".
        name: of the plug-in.
        uses: the plug-in's settings in each configuration.

    Returns:
        `name`, `description`, `allowed` and `used` of each key: the values that configurations give it.
    """
    listed = []
    for key, schema in describe_plugin(kind, name).items():
        values = list(dict.fromkeys(shown(row[key]) for rows in uses.values() for row in rows if key in row))
        used = listing(values, 4)
        listed.append({"name": key, "description": schema["description"], "allowed": allowed(schema), "used": used})
    return listed


def shown(value: object) -> str:
    """A value of a configuration in a few characters."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {shown(part)}" for key, part in value.items()) if len(value) <= 2 else "…"
    if isinstance(value, list):
        return "[" + ", ".join(map(shown, value)) + "]"
    return f"{value:g}" if isinstance(value, float) else "null" if value is None else str(value)


def allowed(schema: dict) -> str:
    """The values that a JSON schema allows, in words."""
    if "enum" in schema:
        return listing([str(value) for value in schema["enum"]], 6)
    if "anyOf" in schema:
        return " or ".join(allowed(part) for part in schema["anyOf"])
    if "$ref" in schema:
        *_, owner, _, name = ["", "", *schema["$ref"].split("/")]
        return allowed(describe_plugin("models", owner)[name]) if owner != "#" else name.replace("_", " ")
    if schema["type"] == "array":
        return f"list of {allowed(schema['items'])}" if "items" in schema else "list"
    limits = {
        "minimum": "≥ {:,}",
        "exclusiveMinimum": "> {:,}",
        "maximum": "≤ {:,}",
        "multipleOf": "a multiple of {:,}",
    }
    return ", ".join([schema["type"], *(words.format(schema[key]) for key, words in limits.items() if key in schema)])

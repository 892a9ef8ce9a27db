"""What each configuration asks, what it costs and whether it has been run: for the page on experiments."""

from pathlib import Path

from configurations import configured, heading
from plugin_pages import linked

from unlearning.config.strict_yaml import read_yaml

STATUS = {"full": "run in full", "miniature": "run in miniature only", "no": "not run"}


def experiments(docs: Path) -> list[dict]:
    """Every configuration, in the order of `docs/_pages/experiments.yaml`, which has what no other file says.

    Args:
        docs: the folder of the documentation.

    Returns:
        The facts of each experiment.

    Raises:
        ValueError: `experiments.yaml` does not name the configurations that are there, each once.
    """
    file = docs / "_pages" / "experiments.yaml"
    known = read_yaml(str(file.relative_to(docs.parent)), docs.parent)
    if wrong := sorted(set(known) ^ set(configured())):
        raise ValueError(f"{file}: {', '.join(wrong)}: the keys must be the names of the files in configs/; edit it")
    return [describe(name, **facts) for name, facts in known.items()]


def describe(name: str, time: str, machine: str, disk: str, run: str) -> dict:
    """The facts of one experiment."""
    settings = configured()[name]
    (model,) = settings["model"]
    return {
        "name": name,
        "title": settings["title"],
        "text": [linked(paragraph) for paragraph in heading(name)],
        "dataset": settings["dataset"],
        "model": model,
        "forget_set": forget_set(settings["forget_set"]),
        "seeds": len(settings["seeds"]),
        "methods": len(settings["methods"]),
        "command": f".venv/bin/python -m snakemake all check --config 'experiments=[{name}]'",
        "time": time,
        "machine": machine,
        "disk": disk,
        "run": STATUS[run],
    }


def forget_set(settings: dict) -> str:
    """A forget set in words."""
    if "attribute" in settings:
        return f"the attribute {settings['attribute']}"
    if "indices" in settings:
        count = len(settings["indices"])
        return f"{count} image{'s' * (count > 1)}"
    classes = settings["classes"]
    part = f"{settings['fraction']:.0%}" if "fraction" in settings else settings.get("samples", "")
    if classes == "all":
        return f"{part} of all images, at random"
    if isinstance(classes, dict):
        return f"{classes['count']} classes"
    names = f"class{'es' * (len(classes) > 1)} {', '.join(map(str, classes))}"
    return f"{part} of {names}" if part else names

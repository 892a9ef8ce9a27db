"""What must fit between a model and the rest of an experiment: labels, parts, and what rows and figures need."""

from collections.abc import Iterator

from unlearning.config.experiment import method_constant
from unlearning.config.messages import nearest
from unlearning.config.selection import check_selection
from unlearning.data.forget_set import class_numbers
from unlearning.plugins.describe import defines, plugin_constant
from unlearning.plugins.outside import location

WORDS = {  # what a model defines, in words for messages
    "label_embeddings": "a model with labels, such as dit",
    "predictions": "a model that removes noise, such as dit",
    "posterior": "a model with an encoder, such as vae",
}


def has_labels(model: str) -> bool:
    """Whether a model generates images for labels.

    Args:
        model: the name of its file.

    Returns:
        Whether it does.
    """
    return defines(model, "label_embeddings")


def check_labels(experiment: dict, dataset: dict) -> Iterator[str]:
    """The labels of a model must be the classes of its data set, and nothing else may ask for labels.

    Args:
        experiment: its configuration, valid by the schema.
        dataset: the description of its data set.

    Yields:
        One line for each problem.
    """
    if check_selection(experiment["forget_set"], dataset):
        return  # the problem is reported where the selection is checked
    ((model, parameters),) = experiment["model"].items()
    evaluation, classes = experiment["evaluation"], len(dataset["classes"])
    by_label = [each for each in evaluation["metrics"] if plugin_constant("metrics", each, "NEEDS") == "by_label"]
    if not has_labels(model):
        if "label_samples" in evaluation:
            yield f"evaluation.label_samples: {model} has no labels; leave this out"
        for metric in by_label:
            yield f"evaluation.metrics: {metric!r} looks at each label, and {model} has no labels; remove it"
        return
    if parameters.get("classes", classes) != classes:  # a model outside the repository may know it in another way
        yield (
            f"model.{model}.classes = {parameters['classes']}: the data set {experiment['dataset']!r} has {classes} "
            f"classes, and each needs a label; set {classes}"
        )
    if "attribute" in experiment["forget_set"]:
        yield f"forget_set.attribute: the labels of {model} are classes; name 'classes' instead"
    for name, proxy in experiment.get("proxies", {}).items():
        if "dataset" in proxy:
            yield f"proxies.{name}.dataset: its classes have no labels in {model}; name classes of the same data set"
    yield from _labels_of_rows(experiment, dataset["classes"])
    yield from _null_label(experiment)
    if by_label and "label_samples" not in evaluation:
        yield f"evaluation.label_samples: missing; {by_label[0]!r} needs it"
    if "label_samples" in evaluation and not by_label:
        yield "evaluation.label_samples: no metric looks at single labels; leave this out, or add 'labels' to 'metrics'"


def _labels_of_rows(experiment: dict, classes: list[str]) -> Iterator[str]:
    """A label that a row names must be one to retain, and such a row needs labels that are forgotten as a whole."""
    selection = experiment["forget_set"]
    forgotten, in_part = class_numbers(selection.get("classes", []), classes), {"seed", "indices"} & set(selection)
    for row, settings in experiment["methods"].items():
        if in_part and method_constant(experiment, row, "NEEDS_WHOLE_CLASS", False):
            yield (
                f"methods.{row}: changes whole labels, but 'forget_set' names no class to be forgotten as a whole; "
                "remove the row, or forget 'classes' without 'fraction' and 'samples'"
            )
        for key in method_constant(experiment, row, "LABELS", ()):
            label = settings[key]
            if isinstance(label, int) and (label >= len(classes) or label in forgotten):
                reason = "is to be forgotten" if label in forgotten else f"the labels are 0 to {len(classes) - 1}"
                yield f"methods.{row}.{key} = {label}: {reason}; name a label to retain"


def _null_label(experiment: dict) -> Iterator[str]:
    """Rows and metrics that use the null label need a model that is trained on it."""
    ((model, parameters),) = experiment["model"].items()
    if parameters.get("label_dropout", 1) > 0:
        return
    for row, settings in experiment["methods"].items():
        named = [key for key in method_constant(experiment, row, "LABELS", ()) if settings[key] == "null_label"]
        if named or method_constant(experiment, row, "NEEDS_NULL_LABEL", False):
            yield (
                f"methods.{row}: uses the null label, which model.{model}.label_dropout = 0 never trains; set "
                "label_dropout, such as 0.1, or remove the row"
            )
    for metric in experiment["evaluation"]["metrics"]:
        if plugin_constant("metrics", metric, "NEEDS_NULL_LABEL", False):
            yield (
                f"evaluation.metrics: {metric!r} uses the null label, which model.{model}.label_dropout = 0 never "
                "trains; set label_dropout, such as 0.1, or remove the metric"
            )


def check_parts(experiment: dict) -> Iterator[str]:
    """What a row trains must be a part of the model, and the model must define what the row's method calls.

    Args:
        experiment: its configuration, valid by the schema.

    Yields:
        One line for each problem.
    """
    ((model, parameters),) = experiment["model"].items()
    parts = plugin_constant("models", location("models", model), "PARTS", ())
    rows = {f"methods.{row}": settings for row, settings in experiment["methods"].items()}
    for place, settings in {"unlearning": experiment["unlearning"], **rows}.items():
        if "trainable" not in settings:
            continue
        part, last = settings["trainable"]["part"], settings["trainable"].get("last_blocks", 0)
        if part not in parts:
            have = (
                f"its parts are {', '.join(parts)}{nearest(part, parts)}"
                if parts
                else "it names none (PARTS); leave this out"
            )
            yield f"{place}.trainable.part = {part!r}: no part of {model}; {have}"
        elif last > parameters.get("depth", 0):
            yield f"{place}.trainable.last_blocks = {last}: {model} has {parameters.get('depth', 0)} blocks; lower it"
    for row in experiment["methods"]:
        if needed := lacking(model, method_constant(experiment, row, "MODEL_HAS", ())):
            yield f"methods.{row}: needs {needed}, and {model} is none; remove the row"


def lacking(model: str, names: tuple[str, ...]) -> str:
    """What a model lacks of what a method, a metric or a figure names as `MODEL_HAS`.

    Args:
        model: the name of its file.
        names: methods that the model must define.

    Returns:
        The first kind of model that this one is not, in words; '' if the model defines them all.
    """
    missing = [name for name in names if not defines(model, name)]
    return WORDS.get(missing[0], f"a model with {missing[0]}") if missing else ""

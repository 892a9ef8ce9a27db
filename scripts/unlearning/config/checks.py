"""What must be right in an experiment and no schema can say: whether its parts fit together."""

import csv
import math
from collections.abc import Iterator
from contextlib import suppress
from inspect import getmembers, isfunction

from unlearning.config.experiment import (
    algorithm_of,
    bound_of,
    method_constant,
    published_weights,
    rows_alike_but_for,
)
from unlearning.config.given import check_given, check_references, has_weights
from unlearning.config.image_counts import check_image_counts, check_judge
from unlearning.config.messages import nearest, violations
from unlearning.config.model_parts import check_labels, check_parts, lacking
from unlearning.config.selection import check_proxies, check_selection
from unlearning.io.files import ROOT
from unlearning.networks import constraints
from unlearning.plugins.describe import completes, defines, method_heading, plugin_constant, plugin_names
from unlearning.plugins.outside import location, shown_path

UNCHECKED = (
    "weights are not used unchecked: write here what `sha256sum {file}` says of a copy that you trust, or what the "
    "hub's page of {source} says of {file}"
)
# Keys of `evaluation` that only metrics and figures read.
READ_BY_PLUGINS = ("threshold", "margin", "embedding", "elbo_noise_share", "elbo_most_draws", "elbo_bound")


def check_experiment(experiment: dict, dataset: dict) -> list[str]:
    """Problems of an experiment that its schema lets pass.

    Args:
        experiment: its configuration, valid by the schema, with a list of names for every run of classes.
        dataset: the description of its data set.

    Returns:
        One line for each problem.
    """
    return [
        *check_selection(experiment["forget_set"], dataset),
        *_model(experiment["model"], dataset),
        *_weights(experiment),
        *check_given(experiment),
        *_schedule(experiment["unlearning"]),
        *_training(experiment.get("training", {})),
        *check_proxies(experiment),
        *_family(experiment),
        *check_labels(experiment, dataset),
        *check_parts(experiment),
        *_optimizers(experiment),
        *_rows(experiment),
        *_guide(experiment),
        *_metrics(experiment),
        *_unread_settings(experiment),
        *_figures(experiment),
        *check_references(experiment),
        *_published(experiment),
        *check_judge(experiment, dataset),
        *check_image_counts(experiment, dataset),
    ]


def _model(model: dict, dataset: dict) -> Iterator[str]:
    """The parameters must meet the constraints that the file of the model names; the first failure is told."""
    ((name, parameters),) = model.items()
    functions = {key: value for key, value in getmembers(constraints, isfunction) if not key.startswith("_")}
    for constraint in plugin_constant("models", location("models", name), "CONSTRAINTS", ()):
        if constraint not in functions:
            yield (
                f"model.{name}: {shown_path('models', name)}: CONSTRAINTS: {constraint!r} is no function of "
                f"scripts/unlearning/networks/constraints.py{nearest(constraint, list(functions))}"
            )
            return
        try:
            functions[constraint](parameters, dataset["image_shape"])
        except ValueError as error:
            yield f"model.{name}.{error}"
            return


def _weights(experiment: dict) -> list[str]:
    """Weights made by others need a checksum."""
    return [
        f"{key}.sha256 = null: {UNCHECKED.format(**entry)}"
        for of_kind in published_weights(experiment).values()
        for key, entry in of_kind.items()
        if entry["sha256"] is None
    ]


def _schedule(unlearning: dict) -> Iterator[str]:
    """The parts of the schedule of measurements must follow each other, up to the last step."""
    untils = [part["until"] for part in unlearning["measure"]]
    if untils != sorted(set(untils)):
        yield f"unlearning.measure: 'until' must grow from part to part, but reads {untils}"
    elif untils[-1] < unlearning["steps"]:
        yield (
            f"unlearning.measure: ends at step {untils[-1]}, before unlearning.steps = {unlearning['steps']}; "
            "add a part, or raise the last 'until'"
        )


def _training(training: dict) -> Iterator[str]:
    """A batch must have an image for each of its parts, and each of these an image for each process."""
    parts, size = training.get("accumulation", 1), training.get("batch_size", math.inf)
    processes = training.get("processes", 1)
    if parts > size:
        yield f"training.accumulation = {parts}: more parts than training.batch_size = {size} has images; lower it"
    elif processes > size // parts:
        of_what = f"training.batch_size = {size}" + (f" in training.accumulation = {parts} parts" if parts > 1 else "")
        yield (
            f"training.processes = {processes}: more than the {size // parts} images that they share at a time "
            f"({of_what}); lower it"
        )


def _family_of(model: str) -> str:
    return "completing" if completes(model) else "generating"


def _family(experiment: dict) -> Iterator[str]:
    """Rows of `methods` and the selection must suit the family of the model."""
    (model,) = experiment["model"]
    family = _family_of(model)
    if family == "completing" and "attribute" in experiment["forget_set"]:
        yield f"forget_set.attribute: completions by {model} are judged by classes; name classes instead"
    for row in experiment["methods"]:
        suits = method_constant(experiment, row, "MODELS", family)
        if suits != family:
            yield f"methods.{row}: is for {suits} models, but {model} is a {family} one; remove the row"


def _optimizers(experiment: dict) -> Iterator[str]:
    """The settings of AdamW must be there exactly where a row needs them."""
    shared = experiment["unlearning"]
    rows = [row for row, settings in experiment["methods"].items() if (shared | settings)["optimizer"] == "adamw"]
    if rows and "adamw" not in shared:
        yield f"unlearning.adamw: missing; the row {rows[0]!r} has the optimiser 'adamw'"
    if "adamw" in shared and not rows:
        yield "unlearning.adamw: no row has the optimiser 'adamw'; set 'optimizer: adamw', or remove the key 'adamw'"


def _rows(experiment: dict) -> Iterator[str]:
    """Each row of `methods` must find the classes that it needs, and the proxy that it names."""
    in_part = {"seed", "indices"} & set(experiment["forget_set"])
    for row, settings in experiment["methods"].items():
        method_heading(algorithm_of(experiment, row))  # raises if tables could not show it
        if in_part and method_constant(experiment, row, "NEEDS_GUIDE", False):
            yield (
                f"methods.{row}: draws samples to the classes that are not to be forgotten, but 'forget_set' names no "
                "class to be forgotten as a whole; remove the row, or forget 'classes' or an 'attribute' without "
                "'fraction' and 'samples'"
            )
        proxy = settings.get("retain_images")
        if proxy and proxy not in experiment.get("proxies", {}):
            yield f"methods.{row}.retain_images = {proxy!r}: not an entry of 'proxies'; add it there"


def _guide(experiment: dict) -> Iterator[str]:
    """Losses with a classifier, and metrics with one, need a classifier that is not the judge."""
    (model,) = experiment["model"]
    if completes(model):
        if "guide" in experiment:
            yield f"guide: looks at samples, which {model} does not make; leave this out"
        return
    if "guide" in experiment:
        judge, guide = (
            (settings.get("seed"), settings["hidden_units"], settings.get("convolutions", []))
            for settings in (experiment["judge"], experiment["guide"])
        )
        if judge == guide and not any(has_weights(experiment, name) for name in ("judge", "guide")):
            yield (
                f"guide.seed = {experiment['guide']['seed']}: the guide has the seed and the layers of 'judge', "
                "so both start from the same weights; a loss must not contain the classifier that judges its results; "
                "set another seed"
            )
        return
    cure = "add the key 'guide', settings of a second classifier (see configs/mnist.yaml)"
    for row in experiment["methods"]:
        if method_constant(experiment, row, "NEEDS_GUIDE", False):
            yield f"methods.{row}: has a classifier in its loss, which must not be the judge; {cure}"
    for metric in experiment["evaluation"]["metrics"]:
        if plugin_constant("metrics", metric, "NEEDS") == "guide":
            yield f"evaluation.metrics: {metric!r} needs a classifier of its own; {cure}"


def _metrics(experiment: dict) -> Iterator[str]:
    """Each metric must suit the family of the model, and find the settings that it needs."""
    evaluation, (model,) = experiment["evaluation"], experiment["model"]
    unsuited = ("samples", "guide") if completes(model) else ("completions",)
    for metric in evaluation["metrics"]:
        if plugin_constant("metrics", metric, "NEEDS") in unsuited:
            yield (
                f"evaluation.metrics: {metric!r} is computed from {unsuited[0]}, which {model} does not make; remove it"
            )
        elif needed := lacking(model, plugin_constant("metrics", metric, "MODEL_HAS", ())):
            yield f"evaluation.metrics: {metric!r} needs {needed}, and {model} is none; remove it"
        for key in plugin_constant("metrics", metric, "SETTINGS", ()):
            if key not in evaluation:
                yield f"evaluation.{key}: missing; {metric!r} needs it"
    if bound_of(evaluation) == "importance_weighted" and not defines(model, "posterior"):
        yield (
            f"evaluation.elbo_bound = 'importance_weighted': weighs draws by a VAE's posterior, which {model} does not "
            "have; leave it out, or name a VAE under 'model'"
        )
    least, most = evaluation.get("elbo_draws", 0), evaluation.get("elbo_most_draws", math.inf)
    if most < least:
        yield f"evaluation.elbo_most_draws = {most}: less than evaluation.elbo_draws = {least}; raise it"


def _unread_settings(experiment: dict) -> Iterator[str]:
    """A setting that only metrics and figures read must be read by one of them."""
    evaluation = experiment["evaluation"]
    read = {f"evaluation.{key}" for metric in evaluation["metrics"] for key in _settings_read(metric)}
    read |= {key for figure in experiment["figures"] for key in plugin_constant("figures", figure, "NEEDS", ())}
    for key in READ_BY_PLUGINS:
        if key in evaluation and f"evaluation.{key}" not in read:
            readers = []
            for metric in plugin_names("metrics"):
                with suppress(ValueError):  # a draft that nobody uses
                    readers += [repr(metric)] if key in _settings_read(metric) else []
            yield (
                f"evaluation.{key} = {evaluation[key]!r}: no metric or figure has a use for it; leave it out, or add "
                f"{' or '.join(readers)} to 'metrics'"
            )


def _settings_read(metric: str) -> list[str]:
    """Keys of `evaluation` that a metric reads."""
    return [key for name in ("SETTINGS", "OPTIONAL_SETTINGS") for key in plugin_constant("metrics", metric, name, ())]


def _figures(experiment: dict) -> Iterator[str]:
    """Each figure must suit the family of the model, and find what it shows."""
    (model,) = experiment["model"]
    family = _family_of(model)
    for figure in experiment["figures"]:
        suits = plugin_constant("figures", figure, "MODELS", family)
        if suits != family:
            yield f"figures: {figure!r} is for {suits} models, but {model} is a {family} one; remove it"
            continue
        if needed := lacking(model, plugin_constant("figures", figure, "MODEL_HAS", ())):
            yield f"figures: {figure!r} needs {needed}, and {model} is none; remove it"
            continue
        for problem in violations(experiment, _schema_of(plugin_constant("figures", figure, "NEEDS") or {})):
            yield f"{problem}, or remove {figure!r} from 'figures', which needs it"
        swept = plugin_constant("figures", figure, "SWEPT")
        if swept and not rows_alike_but_for(experiment, swept):
            yield (
                f"figures: {figure!r} needs rows under 'methods' that differ in {' or '.join(swept)} and are otherwise "
                "alike; add some (see `algorithm`), or remove it"
            )


def _schema_of(needs: dict) -> dict:
    """The JSON schema of an experiment that has all keys of `needs`.

    Args:
        needs: keys that a figure cannot be drawn without, each with the JSON schema of its value, such as
            `{"evaluation.threshold": {}}`.

    Returns:
        The schema.
    """
    schema = {}
    for path, schema_of_value in needs.items():
        place = schema
        for key in path.split("."):
            place.setdefault("required", []).append(key)
            place = place.setdefault("properties", {}).setdefault(key, {})
        place.update(schema_of_value)
    return schema


def _published(experiment: dict) -> Iterator[str]:
    """The published numbers must be of this data set."""
    dataset, published = experiment["dataset"], experiment.get("published", {})
    for key in ("table", "corrected"):
        if key not in published:
            continue
        with (ROOT / "published" / f"{published[key]}.csv").open(newline="", encoding="utf-8") as file:
            if all(row["dataset"] != dataset for row in csv.DictReader(file)):
                cure = "leave 'published' out" if key == "table" else f"leave {key!r} out"
                yield f"published.{key} = {published[key]!r}: has no numbers of the data set {dataset!r}; {cure}"

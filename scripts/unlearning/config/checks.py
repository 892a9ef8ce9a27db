"""What must be right in a configuration and no schema can say: whether its parts fit together."""

import csv
import re
from pathlib import Path

from unlearning.config.experiment import algorithm_of, published_weights, rows_alike_but_for, uses_inception
from unlearning.config.messages import violations
from unlearning.config.selection import check_proxies, check_selection, group_sizes
from unlearning.data.dataset import class_names
from unlearning.data.forget_set import GROUPS
from unlearning.io.files import ROOT
from unlearning.io.inception_weights import FEATURES
from unlearning.networks import constraints
from unlearning.plugins.describe import completes, plugin_constant

UNCHECKED = (
    "weights are not used unchecked: write here what `sha256sum {file}` says of a copy that you trust, or what the "
    "hub's page of {source} says of {file}"
)
OURS = {
    ".ci",
    ".git",
    ".snakemake",
    ".venv",
    "configs",
    "envs",
    "profiles",
    "published",
    "report",
    "rules",
    "schemas",
    "scripts",
    "tests",
}


def check_folders(settings: dict, root: Path) -> list[str]:
    """Results and data must go to folders of their own: nothing else may be overwritten."""
    problems = []
    folders = {key: Path(settings[key]).resolve() for key in ("results", "data")}
    for key, folder in folders.items():
        strange = sorted(set(re.findall(r"[^\w./ +@=,:-]", settings[key])))
        if strange:
            problems.append(f"{key} = {settings[key]!r}: must not contain {' '.join(map(repr, strange))}")
        elif root.is_relative_to(folder):
            problems.append(f"{key} = {settings[key]!r}: is or contains the repository; name a folder of its own")
        elif folder.is_relative_to(root) and folder.relative_to(root).parts[0] in OURS:
            problems.append(f"{key} = {settings[key]!r}: belongs to the repository itself; name a folder of its own")
    source = settings["data_source"]
    if source is not None and "://" not in source and not Path(source).is_dir():
        problems.append(f"data_source = {source!r}: no such folder; it must hold {{dataset}}/{{file}}, or be a URL")
    if not problems and folders["results"] == folders["data"]:
        problems.append(f"data = {settings['data']!r}: must not be the same folder as results")
    return problems


def check_experiment(experiment: dict, dataset: dict) -> list[str]:
    """Every problem of an experiment that its schema lets pass, one line each.

    Args:
        experiment: valid by the schema, runs of classes as their names.
        dataset: the description of its data set.
    """
    return [
        *check_selection(experiment["forget_set"], dataset),
        *_model(experiment["model"], dataset),
        *_weights(experiment),
        *_schedule(experiment["unlearning"]),
        *check_proxies(experiment),
        *_rows(experiment),
        *_guide(experiment),
        *_metrics(experiment),
        *_figures(experiment),
        *_published(experiment),
        *_judge(experiment, dataset),
        *_sample_count(experiment, dataset),
    ]


def _model(model: dict, dataset: dict) -> list[str]:
    """Mask and layers must fit the images."""
    ((name, parameters),) = model.items()
    shape = dataset["image_shape"]
    try:
        constraints.heads_divide_width(parameters, shape)
        if "patch" in parameters:
            constraints.patches_tile_image(parameters, shape)
        if "mask" in parameters:
            constraints.mask_fits_image(parameters, shape)
        if "patch" in parameters:
            constraints.mask_follows_patches(parameters, shape)
        if "groups" in parameters:
            constraints.image_can_be_halved(parameters, shape)
            constraints.groups_divide_channels(parameters, shape)
        if name == "conv_vae":
            constraints.image_can_be_halved_per_channel(parameters, shape)
        if "rounds" in parameters:  # the model predicts codes, each of which stands for so many pixels
            constraints.mask_follows_codes(parameters, shape)
    except ValueError as error:
        return [f"model.{name}.{error}"]
    return []


def _weights(experiment: dict) -> list[str]:
    found = published_weights(experiment).values()
    return [f"{key}.sha256 = null: {UNCHECKED.format(**given)}" for key, given in found if given["sha256"] is None]


def _schedule(unlearning: dict) -> list[str]:
    untils = [part["until"] for part in unlearning["measure"]]
    if untils != sorted(set(untils)):
        return [f"unlearning.measure: 'until' must grow from part to part, but reads {untils}"]
    if untils[-1] < unlearning["steps"]:
        return [
            f"unlearning.measure: ends at step {untils[-1]}, before unlearning.steps = {unlearning['steps']}; "
            "add a part, or raise the last 'until'"
        ]
    return []


def _family(model: str) -> str:
    return "completing" if completes(model) else "generating"


def _rows(experiment: dict) -> list[str]:
    """Each method must suit the family of the model, and each proxy must be defined."""
    problems, (model,) = [], experiment["model"]
    family = _family(model)
    if family == "completing" and "attribute" in experiment["forget_set"]:
        problems.append(f"forget_set.attribute: completions by {model} are judged by classes; name classes instead")
    shared = experiment["unlearning"]
    optimizers = {
        row: settings.get("optimizer", shared["optimizer"]) for row, settings in experiment["methods"].items()
    }
    for row, optimizer in optimizers.items():
        if optimizer == "adamw" and "adamw" not in shared:
            problems.append(f"unlearning.adamw: missing; the row {row!r} has the optimiser 'adamw'")
            break
    if "adamw" in shared and "adamw" not in optimizers.values():
        problems.append("unlearning.adamw: no row has the optimiser 'adamw'; set it, or leave this out")
    in_part = {"seed", "indices"} & set(experiment["forget_set"])
    for row, settings in experiment["methods"].items():
        if in_part and plugin_constant("methods", algorithm_of(experiment, row), "NEEDS_GUIDE", False):
            problems.append(
                f"methods.{row}: draws samples to the classes that are not to be forgotten, but 'forget_set' names no "
                "class to be forgotten as a whole; remove the row, or forget 'classes' or an 'attribute' without "
                "'fraction' and 'samples'"
            )
        suits = plugin_constant("methods", algorithm_of(experiment, row), "MODELS", family)
        if suits != family:
            problems.append(f"methods.{row}: is for {suits} models, but {model} is a {family} one; remove the row")
        proxy = settings.get("retain_images")
        if proxy and proxy not in experiment.get("proxies", {}):
            problems.append(f"methods.{row}.retain_images = {proxy!r}: not an entry of 'proxies'; add it there")
    return problems


def _metrics(experiment: dict) -> list[str]:
    """Each metric must suit the family of the model, and have what it needs to be computed."""
    problems, evaluation, (model,) = [], experiment["evaluation"], experiment["model"]
    unsuited = ("samples", "guide") if completes(model) else ("completions",)
    for metric in evaluation["metrics"]:
        needs = plugin_constant("metrics", metric, "NEEDS")
        if needs in unsuited:
            problems.append(
                f"evaluation.metrics: {metric!r} is computed from {unsuited[0]}, which {model} does not make; remove it"
            )
        for key in _keys_read(metric):
            if key not in evaluation:
                problems.append(f"evaluation.{key}: missing; {metric!r} needs it")
    if "embedding" in evaluation and "embedding_cosine" not in evaluation["metrics"]:
        problems.append("evaluation.embedding: no metric has a use for it; add 'embedding_cosine' or leave it out")
    read = {f"evaluation.{key}" for metric in evaluation["metrics"] for key in _keys_read(metric)}
    read |= {key for figure in experiment["figures"] for key in _needs(figure)}
    if "threshold" in evaluation and "evaluation.threshold" not in read:
        problems.append(
            f"evaluation.threshold = {evaluation['threshold']}: no metric or figure has a use for it; leave it out, or "
            "add one that has, such as 'time_to_unlearn'"
        )
    return problems


def _keys_read(metric: str) -> list[str]:
    """Keys of `evaluation`, out of those that may be missing, that a metric is computed with."""
    keys = {
        "elbo_draws": plugin_constant("metrics", metric, "NEEDS") == "losses",
        "threshold": plugin_constant("metrics", metric, "NEEDS_THRESHOLD", False),
    }
    return [key for key, read in keys.items() if read]


def _figures(experiment: dict) -> list[str]:
    """Each figure must suit the family of the model, and find what it shows."""
    problems, (model,) = [], experiment["model"]
    family = _family(model)
    for figure in experiment["figures"]:
        suits = plugin_constant("figures", figure, "MODELS", family)
        if suits != family:
            problems.append(f"figures: {figure!r} is for {suits} models, but {model} is a {family} one; remove it")
            continue
        for problem in violations(experiment, _schema_of(_needs(figure))):
            problems.append(f"{problem}, or remove {figure!r} from 'figures', which needs it")
        swept = plugin_constant("figures", figure, "SWEPT")
        if swept and not rows_alike_but_for(experiment, swept):
            problems.append(
                f"figures: {figure!r} needs rows under 'methods' that differ in {' or '.join(swept)} and are otherwise "
                "alike; add some (see `algorithm`), or remove it"
            )
    return problems


def _published(experiment: dict) -> list[str]:
    """The published numbers must be of this data set."""
    if "published" not in experiment:
        return []
    table, dataset = experiment["published"]["table"], experiment["dataset"]
    with (ROOT / "published" / f"{table}.csv").open(newline="") as file:
        if any(row["dataset"] == dataset for row in csv.DictReader(file)):
            return []
    return [f"published.table = {table!r}: has no numbers of the data set {dataset!r}; leave 'published' out"]


def _needs(figure: str) -> dict:
    """Keys of an experiment that a figure cannot be drawn without, each with a JSON schema of its value."""
    return plugin_constant("figures", figure, "NEEDS") or {}


def _schema_of(needs: dict) -> dict:
    """The schema of an experiment that has these keys, `{"evaluation.threshold": schema of its value}`."""
    schema = {}
    for path, wanted in needs.items():
        place = schema
        for key in path.split("."):
            place.setdefault("required", []).append(key)
            place = place.setdefault("properties", {}).setdefault(key, {})
        place.update(wanted)
    return schema


def _guide(experiment: dict) -> list[str]:
    """Losses with a classifier, and the published protocol, need one of their own, which is not the judge."""
    (model,) = experiment["model"]
    if "guide" in experiment and completes(model):
        return [f"guide: looks at samples, which {model} does not make; leave this out"]
    given = [experiment[key] for key in ("judge", "guide") if key in experiment]
    starts = [(each["seed"], each["hidden_units"], each.get("convolutions", [])) for each in given]
    if len(starts) > 1 and starts[0] == starts[1]:
        return [
            f"guide.seed = {experiment['guide']['seed']}: is that of 'judge', whose layers it has too, so that both "
            "start from the same weights: a loss must not hold the classifier that judges its results; set another seed"
        ]
    if "guide" in experiment or completes(model):
        return []
    cure = "add the key 'guide', settings of a second classifier (see configs/mnist.yaml)"
    problems = [
        f"methods.{row}: has a classifier in its loss, which must not be the judge; {cure}"
        for row in experiment["methods"]
        if plugin_constant("methods", algorithm_of(experiment, row), "NEEDS_GUIDE", False)
    ]
    problems += [
        f"evaluation.metrics: {metric!r} needs a classifier of its own; {cure}"
        for metric in experiment["evaluation"]["metrics"]
        if plugin_constant("metrics", metric, "NEEDS") == "guide"
    ]
    return problems


def _judge(experiment: dict, dataset: dict) -> list[str]:
    """The judge needs classes to tell apart, and images that it was not trained on."""
    problems, classes = [], class_names(experiment["forget_set"], dataset)
    if len(classes) < 2:
        problems.append(
            f"forget_set = {experiment['forget_set']!r}: {dataset['name']} has the one class {classes[0]!r}, and the "
            "judge must tell at least two apart; forget an attribute, or give the data set more classes"
        )
    if not sum(dataset["heldout_images"]):
        problems.append(
            f"dataset = {dataset['name']!r}: has no held-out images, on which the judge is tested; hold some out, and "
            f"state how many as 'heldout_images' in scripts/unlearning/datasets/{dataset['name']}.py"
        )
    return problems


def least_images(experiment: dict) -> list[tuple[str, int, str]]:
    """Fréchet distances need more images on either side than features.

    Returns:
        For each such number: the group of images ('samples' and 'training' among them), the count that is still too
        few, and what is wrong where the group has only `{count}`.
    """
    compared = {
        "fid": ("judge", ["retain"], "take 'kid', which needs no such number"),
        "as_published": ("guide", ["training"], "leave it out"),
        "completion_fid": ("judge", list(GROUPS), "leave it out"),
    }
    least = []
    for metric, (classifier, groups, instead) in compared.items():
        if metric not in experiment["evaluation"]["metrics"] or classifier not in experiment:
            continue
        features = experiment[classifier]["hidden_units"][-1]
        cure = f"make the last of {classifier}.hidden_units smaller"
        if uses_inception(experiment):
            features, cure = FEATURES, "set 'features: judge'"
        needs = f"{metric!r}, a Fréchet distance on {features} features, needs more than"
        problem = f"evaluation.samples = {{count}}: {needs} that; raise it, {cure}, or {instead}"
        least.append(("samples", features, problem))
        for group in groups:
            named = GROUPS.get(group, group)
            problem = f"evaluation.metrics: {needs} the {{count}} {named} images; {cure}, or {instead}"
            least.append((group, features, problem))
    return least


def _sample_count(experiment: dict, dataset: dict) -> list[str]:
    """Distances need enough images on either side."""
    problems, selection = [], experiment["forget_set"]
    samples, metrics = experiment["evaluation"]["samples"], experiment["evaluation"]["metrics"]
    sizes = {} if check_selection(selection, dataset) else group_sizes(selection, dataset)
    if sizes.get("heldout_forget") == 0 and _family(*experiment["model"]) == "completing":
        problems.append(
            "forget_set.classes: leave no class out, but completions are judged by held-out images to retain and to "
            "forget, told apart by class; name fewer"
        )
    sizes |= {"training": sum(dataset["train_images"]), "samples": samples}
    for group, too_few, problem in least_images(experiment):
        if sizes.get(group, too_few + 1) <= too_few:
            problems.append(problem.format(count=sizes[group]))
        elif group == "retain" and group not in sizes and sizes["training"] - 1 <= too_few:
            problems.append(problem.format(count=f"at most {sizes['training'] - 1}"))
    neighbours = plugin_constant("metrics", "precision_recall", "NEIGHBOURS")
    if samples <= neighbours and "precision_recall" in metrics:
        problems.append(f"evaluation.samples = {samples}: 'precision_recall' needs at least {neighbours + 1}")
    return problems

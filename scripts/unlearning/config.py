"""Reading and checking the configuration, before any job starts.

Nothing here imports torch: every cluster job parses the workflow again, and parsing must be quick.
A dataset, model, method or metric describes itself in a literal (``DATASET``, ``PARAMETERS`` or
``METRICS``) at the top of its file; `plugins.describe` reads it without running the file.
"""

import copy
import difflib
import json
import re
from functools import cache, partial
from pathlib import Path

from jsonschema import Draft202012Validator, SchemaError

from unlearning import hub, masks, plugins
from unlearning.convolutional import check_halvings, check_sizes
from unlearning.forget_set import check_proxies, check_runs, check_selection, group_sizes, with_runs_named
from unlearning.strict_yaml import ROOT, ConfigError, read_yaml
from unlearning.weights import FEATURES

REFERENCES = ("original", "retrain")
LARGEST_NUMBER = 1e100
UNCHECKED = (
    "weights are not used unchecked: write here what `sha256sum {file}` says of a copy that you trust, or what the "
    "hub's page of {source} says of {file}"
)
OURS = {"configs", "envs", "profiles", "published", "report", "rules", "schemas", "scripts", "tests"}


def load_settings(overrides: dict, root: Path = ROOT) -> dict:
    """Read `config.yaml`, what to run and where, with the values given by ``--config`` on top.

    Raises:
        ConfigError: any value outside `schemas/config.schema.yaml`, or an experiment without a file.
    """
    settings = read_yaml("config.yaml", root) | overrides
    schema = read_yaml("schemas/config.schema.yaml", root)
    # An experiment's name becomes part of paths and of shell commands.
    schema["properties"]["experiments"]["items"]["enum"] = sorted(
        file.stem for file in (root / "configs").glob("*.yaml") if re.fullmatch("[a-z0-9][a-z0-9_-]*", file.stem)
    )
    _refuse("config.yaml", _violations(settings, schema))
    _refuse("config.yaml", _check_folders(settings, root))
    return settings


def load_experiment(name: str, root: Path = ROOT) -> dict:
    """Read and check `configs/{name}.yaml`, one complete experiment; runs of classes are given as their names.

    Raises:
        ConfigError: every problem of the file in one message, one line each.
    """
    file = f"configs/{name}.yaml"
    experiment = read_yaml(file, root)
    _refuse(file, _violations(experiment, _with_rows(experiment_schema(root), experiment)))
    try:
        dataset = plugins.describe("datasets", experiment["dataset"])
    except ValueError as error:
        raise ConfigError(f"{file}: dataset = {experiment['dataset']!r}: {error}") from None
    _refuse(file, check_runs(experiment, dataset["classes"]))
    experiment = with_runs_named(experiment, dataset["classes"])
    _refuse(
        file,
        [
            *check_selection(experiment["forget_set"], dataset),
            *_check_model(experiment["model"], dataset),
            *_check_weights(experiment),
            *_check_schedule(experiment["unlearning"]),
            *check_proxies(experiment.get("proxies", {}), experiment, partial(plugins.describe, "datasets")),
            *_check_rows(experiment),
            *_check_guide(experiment),
            *_check_metrics(experiment),
            *_check_figures(experiment),
            *_check_sample_count(experiment, dataset),
        ],
    )
    return experiment


@cache
def experiment_schema(root: Path = ROOT) -> dict:
    """The closed schema of an experiment: the fixed part plus what each plugin file declares."""
    schema = read_yaml("schemas/experiment.schema.yaml", root)
    properties = schema["properties"]
    row = schema["$defs"]["method_row"]["properties"]
    properties["dataset"]["enum"] = plugins.names("datasets")
    properties["proxies"]["additionalProperties"]["properties"]["dataset"]["enum"] = plugins.names("datasets")
    properties["model"]["properties"] = _described("models")
    properties["methods"]["properties"] = _described("methods", optional=row)
    properties["evaluation"]["properties"]["metrics"]["items"]["enum"] = plugins.names("metrics")
    properties["figures"]["items"]["enum"] = plugins.names("figures")
    tables = sorted(file.stem for file in (root / "published").glob("*.csv"))
    properties["published"]["properties"]["table"]["enum"] = tables
    return schema


def rule_of(experiment: dict, method: str) -> str:
    """The method's file behind one row of `methods`."""
    return experiment["methods"][method].get("rule", method)


def uses_inception(experiment: dict) -> bool:
    """Whether an experiment is judged on Inception's features, not on the judge's."""
    return experiment["evaluation"].get("features") == "inception"


def method_settings(experiment: dict, method: str) -> dict:
    """What one unlearning run depends on: the shared settings, the row's overrides, its rule and parameters."""
    own = ("rule", "retain_images")
    row = {key: value for key, value in experiment["methods"][method].items() if key not in own}
    shared = experiment["unlearning"]
    if row.get("optimizer", shared["optimizer"]) != "adamw":
        shared = {key: value for key, value in shared.items() if key != "adamw"}
    proxy = experiment["methods"][method].get("retain_images")
    return {
        **shared,
        **{key: value for key, value in row.items() if key in shared},
        "rule": rule_of(experiment, method),
        "retain_images": experiment["proxies"][proxy] if proxy else "retain",
        "parameters": {key: value for key, value in row.items() if key not in shared},
    }


def rows_alike_but_for(experiment: dict, keys: tuple[str, ...]) -> list[dict[str, dict]]:
    """Sweeps: rows that differ in some of these keys and in no other setting, each with its values of the keys."""
    found = {}
    for row, own in experiment["methods"].items():
        settings = {**experiment["unlearning"], **own, "rule": rule_of(experiment, row)}
        values = {key: settings.pop(key) for key in keys if key in settings}
        found.setdefault(json.dumps(settings, sort_keys=True), {})[row] = values
    return [rows for rows in found.values() if any(values != next(iter(rows.values())) for values in rows.values())]


def _with_rows(schema: dict, experiment: object) -> dict:
    """The schema, with an entry for each row of `methods` that names its method by `rule`."""
    rows = experiment.get("methods") if isinstance(experiment, dict) else None
    files = schema["properties"]["methods"]["properties"]
    own = {}
    for name, row in rows.items() if isinstance(rows, dict) else ():
        if isinstance(row, dict) and "rule" in row and isinstance(name, str):
            known = isinstance(row["rule"], str) and row["rule"] in files
            own[name] = copy.deepcopy(files[row["rule"]]) if known else {"type": "object", "properties": {"rule": {}}}
            own[name]["properties"]["rule"] = {"enum": [name] if name in files else list(files)}
    if not own:
        return schema
    schema = copy.deepcopy(schema)
    methods = schema["properties"]["methods"]
    methods["properties"] |= own
    methods["propertyNames"] = {"pattern": f"^(?!({'|'.join(REFERENCES)})$)[a-z][a-z0-9_]*$"}
    return schema


def _described(kind: str, optional: dict | None = None) -> dict:
    """A closed schema for each plug-in of a kind: its own parameters, all of them required."""
    schemas = {}
    for name in plugins.names(kind):
        parameters = plugins.describe(kind, name)
        schemas[name] = {
            "type": "object",
            "properties": {**parameters, **(optional or {})},
            "required": list(parameters),
            "additionalProperties": False,
        }
        try:
            Draft202012Validator.check_schema(schemas[name])
        except SchemaError as error:
            where = ".".join(str(part) for part in list(error.absolute_path)[1:])
            raise ConfigError(
                f"scripts/unlearning/{kind}/{name}.py: PARAMETERS.{where}: no JSON schema: {error.message}"
            ) from None
    return schemas


def _check_folders(settings: dict, root: Path) -> list[str]:
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


def _check_model(model: dict, dataset: dict) -> list[str]:
    """Mask and layers must fit the images."""
    ((name, parameters),) = model.items()
    shape = dataset["image_shape"]
    try:
        for heads, width in (("heads", "width"), ("decoder_heads", "decoder_width")):
            if heads in parameters and parameters[width] % parameters[heads]:
                raise ValueError(f"{heads} = {parameters[heads]}: does not divide the {width} {parameters[width]}")
        if "patch" in parameters:
            masks.check_square(shape, parameters["patch"])
        if "mask" in parameters:
            masks.check(parameters["mask"], shape)
        if "patch" in parameters:
            masks.check_patches(parameters["mask"], shape, parameters["patch"])
        if "groups" in parameters:
            check_sizes(shape, parameters["channels"], parameters["groups"])
        if name == "conv_vae":
            check_halvings(shape, parameters["channels"], len(parameters["channels"]))
        if "rounds" in parameters:  # the model predicts codes, each of which stands for so many pixels
            masks.check_patches(parameters["mask"], shape, 2 ** (len(parameters["channels"]) - 1))
    except ValueError as error:
        return [f"model.{name}.{error}"]
    return []


def _check_weights(experiment: dict) -> list[str]:
    found = hub.published_weights(experiment).values()
    return [f"{key}.sha256 = null: {UNCHECKED.format(**given)}" for key, given in found if given["sha256"] is None]


def _check_schedule(unlearning: dict) -> list[str]:
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
    return "completing" if plugins.completes(model) else "generating"


def _check_rows(experiment: dict) -> list[str]:
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
    for row, settings in experiment["methods"].items():
        suits = plugins.constant("methods", rule_of(experiment, row), "MODELS", family)
        if suits != family:
            problems.append(f"methods.{row}: is for {suits} models, but {model} is a {family} one; remove the row")
        proxy = settings.get("retain_images")
        if proxy and proxy not in experiment.get("proxies", {}):
            problems.append(f"methods.{row}.retain_images = {proxy!r}: not an entry of 'proxies'; add it there")
    return problems


def _check_metrics(experiment: dict) -> list[str]:
    """Each metric must suit the family of the model, and have what it needs to be computed."""
    problems, evaluation, (model,) = [], experiment["evaluation"], experiment["model"]
    unsuited = ("samples", "guide") if plugins.completes(model) else ("completions",)
    for metric in evaluation["metrics"]:
        needs = plugins.constant("metrics", metric, "NEEDS")
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
        "elbo_draws": plugins.constant("metrics", metric, "NEEDS") == "losses",
        "threshold": plugins.constant("metrics", metric, "NEEDS_THRESHOLD", False),
    }
    return [key for key, read in keys.items() if read]


def _check_figures(experiment: dict) -> list[str]:
    """Each figure must suit the family of the model, and find what it shows."""
    problems, (model,) = [], experiment["model"]
    family = _family(model)
    for figure in experiment["figures"]:
        suits = plugins.constant("figures", figure, "MODELS", family)
        if suits != family:
            problems.append(f"figures: {figure!r} is for {suits} models, but {model} is a {family} one; remove it")
            continue
        for problem in _violations(experiment, _schema_of(_needs(figure))):
            problems.append(f"{problem}, or remove {figure!r} from 'figures', which needs it")
        swept = plugins.constant("figures", figure, "SWEPT")
        if swept and not rows_alike_but_for(experiment, swept):
            problems.append(
                f"figures: {figure!r} needs rows under 'methods' that differ in {' or '.join(swept)} and are otherwise "
                "alike; add some (see `rule`), or remove it"
            )
    return problems


def _needs(figure: str) -> dict:
    """Keys of an experiment that a figure cannot be drawn without, each with a JSON schema of its value."""
    return plugins.constant("figures", figure, "NEEDS") or {}


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


def _check_guide(experiment: dict) -> list[str]:
    """Losses with a classifier, and the published protocol, need one of their own, which is not the judge."""
    (model,) = experiment["model"]
    if "guide" in experiment and plugins.completes(model):
        return [f"guide: looks at samples, which {model} does not make; leave this out"]
    if experiment.get("guide") == experiment["judge"]:
        return [
            "guide: has the settings of 'judge', seed included, and would be the same classifier: a loss must not hold "
            "the one that judges its results; set another seed"
        ]
    if "guide" in experiment or plugins.completes(model):
        return []
    cure = "add the key 'guide', settings of a second classifier (see configs/mnist.yaml)"
    problems = [
        f"methods.{row}: has a classifier in its loss, which must not be the judge; {cure}"
        for row in experiment["methods"]
        if plugins.constant("methods", rule_of(experiment, row), "NEEDS_GUIDE", False)
    ]
    problems += [
        f"evaluation.metrics: {metric!r} needs a classifier of its own; {cure}"
        for metric in experiment["evaluation"]["metrics"]
        if plugins.constant("metrics", metric, "NEEDS") == "guide"
    ]
    return problems


def _check_sample_count(experiment: dict, dataset: dict) -> list[str]:
    """Distances need enough images on either side, a Fréchet distance more of them than features."""
    problems, selection = [], experiment["forget_set"]
    samples, metrics = experiment["evaluation"]["samples"], experiment["evaluation"]["metrics"]
    sizes = {} if check_selection(selection, dataset) else group_sizes(selection, dataset)
    sizes["training"] = sum(dataset["train_images"])
    compared = {
        "fid": ("judge", ["retain"], "take 'kid', which needs no such number"),
        "as_published": ("guide", ["training"], "leave it out"),
        "completion_fid": ("judge", list(plugins.GROUPS), "leave it out"),
    }
    for metric, (classifier, groups, instead) in compared.items():
        if metric not in metrics or classifier not in experiment:
            continue
        features = experiment[classifier]["hidden_units"][-1]
        cure = f"make the last of {classifier}.hidden_units smaller"
        if classifier == "judge" and uses_inception(experiment):
            features, cure = FEATURES, "set 'features: judge'"
        needs = f"{metric!r}, a Fréchet distance on {features} features, needs more than"
        if samples <= features:
            problems.append(f"evaluation.samples = {samples}: {needs} that; raise it, {cure}, or {instead}")
        for group in groups:
            if sizes.get(group, features + 1) <= features:
                named = plugins.GROUPS.get(group, group)
                problems.append(f"evaluation.metrics: {needs} the {sizes[group]} {named} images; {cure}, or {instead}")
    neighbours = plugins.constant("metrics", "precision_recall", "NEIGHBOURS")
    if samples <= neighbours and "precision_recall" in metrics:
        problems.append(f"evaluation.samples = {samples}: 'precision_recall' needs at least {neighbours + 1}")
    return problems


def _refuse(label: str, problems: list[str]) -> None:
    if problems:
        raise ConfigError("\n".join(f"{label}: {problem}" for problem in problems))


def _violations(content: dict, schema: dict) -> list[str]:
    if odd := _odd_numbers(content, ""):
        return odd
    errors = Draft202012Validator(schema).iter_errors(content)
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
    """Say one schema violation in words: key, value, what is allowed, the nearest valid spelling."""
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

"""What the configuration of an experiment, once it is checked, says of its rows."""

import json

REFERENCES = ("original", "retrain")


def algorithm_of(experiment: dict, method: str) -> str:
    """The method's file behind one row of `methods`."""
    return experiment["methods"][method].get("algorithm", method)


def uses_inception(experiment: dict) -> bool:
    """Whether an experiment is judged on Inception's features, not on the judge's."""
    return experiment["evaluation"].get("features") == "inception"


def method_settings(experiment: dict, method: str) -> dict:
    """What one unlearning run depends on: the shared settings, the row's overrides, its rule and parameters."""
    own = ("algorithm", "retain_images")
    row = {key: value for key, value in experiment["methods"][method].items() if key not in own}
    shared = experiment["unlearning"]
    if row.get("optimizer", shared["optimizer"]) != "adamw":
        shared = {key: value for key, value in shared.items() if key != "adamw"}
    proxy = experiment["methods"][method].get("retain_images")
    return {
        **shared,
        **{key: value for key, value in row.items() if key in shared},
        "algorithm": algorithm_of(experiment, method),
        "retain_images": experiment["proxies"][proxy] if proxy else "retain",
        "parameters": {key: value for key, value in row.items() if key not in shared},
    }


def rows_alike_but_for(experiment: dict, keys: tuple[str, ...]) -> list[dict[str, dict]]:
    """Sweeps: rows that differ in some of these keys and in no other setting, each with its values of the keys."""
    found = {}
    for row, own in experiment["methods"].items():
        settings = {**experiment["unlearning"], **own, "algorithm": algorithm_of(experiment, row)}
        values = {key: settings.pop(key) for key in keys if key in settings}
        found.setdefault(json.dumps(settings, sort_keys=True), {})[row] = values
    return [rows for rows in found.values() if any(values != next(iter(rows.values())) for values in rows.values())]


def published_weights(experiment: dict) -> dict[str, tuple[str, dict]]:
    """Key and value of each entry that names published weights, by the rule whose jobs read them."""
    ((name, parameters),) = experiment["model"].items()
    found = {
        "train": (f"model.{name}.pretrained", parameters.get("pretrained")),
        "evaluate": ("evaluation.embedding", experiment["evaluation"].get("embedding")),
    }
    return {rule: (key, published) for rule, (key, published) in found.items() if published}

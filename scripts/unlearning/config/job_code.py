"""Which code the jobs of each rule run, as one hash."""

from collections.abc import Iterable

from unlearning.config.experiment import algorithm_of, autoencoder_of, evaluation_rule, references_of
from unlearning.config.given import CLASSIFIERS, has_moments, has_weights
from unlearning.config.processes import training_rule
from unlearning.io.files import sha256_of
from unlearning.plugins.outside import outside_file
from unlearning.runtime.code_hash import code_hash, hash_of_file

WORDS = ("PARAMETERS",)  # literals that describe a plug-in to people; they count only where code uses them
OF_METHODS = (*WORDS, "TITLE", "GROUP", "LABELS", "NEEDS_NULL_LABEL", "NEEDS_WHOLE_CLASS")
OF_METRICS = (*WORDS, "METRICS", "PANELS", "BETTER", "NEEDS_RETRAINED")

# For each rule, whose script has its name: the kinds of plug-ins that its jobs use, and the literals left out.
JOBS = {
    "fetch_dataset": (("datasets",), WORDS),
    "fetch_weights": ((), WORDS),
    "fetch_given": ((), WORDS),
    "prepare_dataset": (("datasets",), WORDS),
    "encode_images": ((), WORDS),
    "select_forget_set": ((), WORDS),
    "train_classifier": ((), WORDS),
    "train": (("models",), WORDS),
    "train_in_processes": (("models",), WORDS),
    "import_classifier": ((), WORDS),
    "import_original": (("models",), WORDS),
    "import_moments": (("models",), WORDS),
    "unlearn": (("models", "methods"), OF_METHODS),
    "build_reference": (("models",), WORDS),
    "build_reference_alone": ((), WORDS),
    "evaluate": (("models", "metrics"), OF_METRICS),
    "evaluate_density": (("models", "metrics"), OF_METRICS),
    "aggregate": (("metrics",), WORDS),
    "write_table": (("methods", "metrics"), WORDS),
    "draw_figure": (("figures", "methods", "metrics"), WORDS),
    "write_explorer": (("methods", "metrics"), WORDS),
    "write_manifest": ((), WORDS),
    "export_model": (("methods", "metrics"), WORDS),
}


def code_of_job(
    rule: str,
    experiment: dict | None = None,
    *,
    row: str | None = None,
    dataset: str | None = None,
    figure: str | None = None,
) -> str:
    """Hash of the code of a job: its script, the plug-ins that it uses, and what these use of the library.

    Args:
        rule: name of the rule.
        experiment: configuration of the experiment; None for a rule that belongs to no experiment.
        row: the row of `methods` that the job runs; None if the job uses all methods, or none.
        dataset: name of the data set that the job fetches or prepares.
        figure: name of the figure that the job draws.

    Returns:
        16 hexadecimal digits.
    """
    kinds, without = JOBS[rule]
    plugins = [
        (kind, name) for kind in kinds for name in _plugins(kind, experiment, row, dataset=dataset, figure=figure)
    ]
    inside = [f"unlearning/{kind}/{name}.py" for kind, name in plugins if not outside_file(kind, name)]
    outside = [
        hash_of_file(f"unlearning.{kind}.{name}", path, without)
        for kind, name in plugins
        if (path := outside_file(kind, name))
    ]
    code = code_hash(f"{rule}.py", *inside, without=without)
    return sha256_of([code, *outside])[:16] if outside else code


def codes_of_results(experiment: dict) -> dict[str, str]:
    """The hash of the code of each kind of job from which the metrics of an experiment come.

    Args:
        experiment: configuration of the experiment.

    Returns:
        Hashes by rule, in the order of the jobs; of unlearning by `unlearn/{row}`.
    """
    classifiers = [has_weights(experiment, name) for name in CLASSIFIERS if name in experiment]
    imported, retrained = has_weights(experiment, "original"), "retrain" in references_of(experiment)
    runs = {
        "encode_images": bool(autoencoder_of(experiment)),
        "select_forget_set": True,
        "train_classifier": not all(classifiers),
        "import_classifier": any(classifiers),
        training_rule(experiment): retrained or not imported,
        "import_original": imported,
        "import_moments": has_moments(experiment),
    }
    last = ("build_reference" if retrained else "build_reference_alone", evaluation_rule(experiment))
    return {
        **{rule: code_of_job(rule, experiment) for rule, does in runs.items() if does},
        **{f"unlearn/{row}": code_of_job("unlearn", experiment, row=row) for row in experiment["methods"]},
        **{rule: code_of_job(rule, experiment) for rule in last},
    }


def _plugins(
    kind: str,
    experiment: dict | None,
    row: str | None,
    *,
    dataset: str | None = None,
    figure: str | None = None,
) -> Iterable[str]:
    """Names of the plug-ins of one kind that a job uses."""
    if kind == "datasets":
        return [dataset]
    if kind == "figures":
        return [figure]
    if kind == "methods":
        return sorted({algorithm_of(experiment, name) for name in ([row] if row else experiment["methods"])})
    return experiment["model"] if kind == "models" else experiment["evaluation"]["metrics"]

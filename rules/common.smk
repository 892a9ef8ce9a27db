"""What all rules share: the checked configuration, and functions of the wildcards."""

from functools import reduce
from operator import getitem
from pathlib import Path

from snakemake.exceptions import WorkflowError

from unlearning.config.experiment import (
    REFERENCES,
    autoencoder_of,
    datasets_of,
    needs_densities,
    other_seed,
    references_of,
    run_settings,
    running_statistics,
    uses_inception,
)
from unlearning.config.given import all_given, given_files_of, given_moments_of, has_weights
from unlearning.config.job_code import code_of_job
from unlearning.config.processes import processes_of
from unlearning.config.second_call import known_failures, make_the_rest
from unlearning.config.workflow import (
    load_configuration,
    prepare_process,
    prepare_run,
    request_of_job,
    state_of_source,
)
from unlearning.evaluation.description import describe_metrics
from unlearning.io.files import sha256_of
from unlearning.io.given_files import fetched_record, suffix_of
from unlearning.plugins.describe import completes, plugin_constant

ENVIRONMENT = "../envs/pipeline.yaml"


def checked(function, *arguments, end=WorkflowError):
    """Call a function; what it finds wrong ends Snakemake with one message."""
    try:
        return function(*arguments)
    except (ValueError, OSError) as error:
        raise end(str(error)) from None


SETTINGS, EXPERIMENTS = checked(load_configuration, config)
config.update(SETTINGS, experiments=EXPERIMENTS)  # for the captions of the report
checked(prepare_process, workflow, SETTINGS, EXPERIMENTS)
FAILED = checked(known_failures, workflow, SETTINGS, EXPERIMENTS)


onstart:
    checked(prepare_run, workflow, SETTINGS, EXPERIMENTS)


onerror:
    checked(make_the_rest, workflow, SETTINGS, EXPERIMENTS)


# The beginnings of the paths of models whose weights are given, below the folder of results, as regular expressions.
IMPORTED = [
    rf"{name}/{'seed[0-9]+/' if part == 'original' else ''}{part}/"
    for name, experiment in EXPERIMENTS.items()
    for part in ("original", "judge", "guide")
    if has_weights(experiment, part)
]
IN_PROCESSES = [
    rf"{name}/seed[0-9]+/{method}/"
    for name, experiment in EXPERIMENTS.items()
    if processes_of(experiment) > 1
    for method in REFERENCES
    if not (method == "original" and has_weights(experiment, "original"))
]
WITHOUT_RETRAINED = [
    f"{name}/"
    for name, experiment in EXPERIMENTS.items()
    if "retrain" not in references_of(experiment)
]
WITH_DENSITIES = [
    f"{name}/" for name, experiment in EXPERIMENTS.items() if needs_densities(experiment)
]
ON_LATENTS = [f"{name}/" for name, experiment in EXPERIMENTS.items() if autoencoder_of(experiment)]
# What is to be fetched from each URL of weights, by the checksum.
FETCHED = {
    given.entry["sha256"]: {key: given.entry[key] for key in ("url", "folder", "sha256")}
    for experiment in EXPERIMENTS.values()
    for given in all_given(experiment)
    if "url" in given.entry
}


def only(beginnings):
    """A constraint on the wildcard `experiment`: the path must begin in one of these ways, or no path fits."""
    return f"(?={'|'.join(beginnings) or '(?!)'})(?:{'|'.join(EXPERIMENTS)})"


def any_but(beginnings):
    """A constraint on the wildcard `experiment`: the path must begin in none of these ways."""
    return f"(?!{'|'.join(beginnings) or '(?!)'})(?:{'|'.join(EXPERIMENTS)})"


def basis(rule):
    """A function of the wildcards: what the configuration asks of a job, see `unlearning.runtime.basis`."""
    # Snakemake (9.27) hides every other error of an input function if the job's output exists.
    return lambda wildcards: checked(request_of_job, workflow, rule, wildcards, end=SystemExit)


def setting(*keys):
    """A function of the wildcards: what stands under these keys of the experiment's configuration."""
    # Not Snakemake's `lookup`, which walks through all experiments at every call.
    return lambda wildcards: reduce(getitem, keys, EXPERIMENTS[wildcards.experiment])


def code(job):
    """A function of the wildcards: hash of the code of a job, which runs again when the hash changes."""
    return lambda wildcards: code_of_job(
        job,
        EXPERIMENTS.get(wildcards.get("experiment")),
        row=wildcards.get("method"),
        dataset=wildcards.get("dataset"),
        figure=wildcards.get("figure"),
    )


def settings_of_run(wildcards):
    """The settings of a method's run, or of a reference."""
    return run_settings(EXPERIMENTS[wildcards.experiment], wildcards.method, int(wildcards.seed))


def attribute(wildcards):
    """The attribute that an experiment forgets; None where it forgets classes or images."""
    return EXPERIMENTS[wildcards.experiment]["forget_set"].get("attribute")


def has_guide(wildcards):
    """Whether the experiment has a second classifier."""
    return "guide" in EXPERIMENTS[wildcards.experiment]


def wants_inception(wildcards):
    """Whether the experiment is judged on Inception's features."""
    return uses_inception(EXPERIMENTS[wildcards.experiment])


def elbo_settings(wildcards):
    """The keys of `evaluation` that say how losses are measured."""
    return {
        key: value
        for key, value in setting("evaluation")(wildcards).items()
        if key.startswith("elbo_")
    }


def given_original(wildcards):
    """The weights that are given for the original of a seed."""
    files = given_files_of(EXPERIMENTS[wildcards.experiment], "original")
    return next(given for given in files if given.seed == int(wildcards.seed))


def given_moments(wildcards):
    """The state of Adam that is given for the original of a seed."""
    files = given_moments_of(EXPERIMENTS[wildcards.experiment])
    return next(given for given in files if given.seed == int(wildcards.seed))


def given_of_classifier(wildcards):
    """The weights that are given for each network of a classifier."""
    return given_files_of(EXPERIMENTS[wildcards.experiment], wildcards.classifier)


def file_of_given(given):
    """The file of given weights as an input: itself, or the record of a fetched file."""
    local = given.entry.get("file")
    return local or f"<data>/{fetched_record(given.entry)}"


def entry_of_original(wildcards):
    """What the configuration says of the weights that are given for the original of a seed; None without."""
    if not has_weights(EXPERIMENTS[wildcards.experiment], "original"):
        return None
    return given_original(wildcards).entry


def source_of_original(wildcards):
    """The file of weights that the original of a seed came from; none if it was trained here."""
    return (
        file_of_given(given_original(wildcards)) if entry_of_original(wildcards) is not None else []
    )


def exported_files(name):
    """The exported models of an experiment, with the suffix of the files that their originals came from."""
    files = {given.seed: given.entry for given in given_files_of(EXPERIMENTS[name], "original")}
    failed = {(entry["method"], entry["seed"]) for entry in failed_runs(name)}
    return [
        f"<results>/{name}/export/seed{seed}/{method}.{suffix_of(files.get(seed))}"
        for method in EXPERIMENTS[name]["methods"]
        for seed in EXPERIMENTS[name]["seeds"]
        if (method, seed) not in failed
    ]


def model_card_hash(wildcards):
    """Hash of the template of model cards."""
    template = Path(workflow.basedir) / "report" / "model_card.md.j2"
    return sha256_of(template.read_text(encoding="utf-8"))


def data_file(name):
    """A function of the wildcards: this file of the experiment's data set."""
    return lambda wildcards: f"<data>/{EXPERIMENTS[wildcards.experiment]['dataset']}/{name}"


def autoencoder(wildcards):
    """The frozen autoencoder of the experiment's model, by its place in the configuration; empty without one."""
    return autoencoder_of(EXPERIMENTS[wildcards.experiment])


def images_to_learn(wildcards):
    """The file of what a model learns and unlearns: the images of the data set, or their latents."""
    if autoencoder(wildcards):
        return f"<results>/{wildcards.experiment}/latents.safetensors"
    return data_file("prepared.safetensors")(wildcards)


def accuracy_files(wildcards):
    """The measured accuracy of the judge and, where there is one, of the guide."""
    names = ["judge", "guide"] if has_guide(wildcards) else ["judge"]
    return [f"<results>/{wildcards.experiment}/{name}/accuracy.json" for name in names]


def paths_of_runs(experiment, *names, methods=None):
    """These files of the runs of an experiment, references first, in the order of tables and figures.

    Runs that failed are left out.
    """
    configuration = EXPERIMENTS[experiment]
    failed = [(entry["method"], entry["seed"]) for entry in failed_runs(experiment)]
    return [
        f"<results>/{experiment}/seed{seed}/{method}/{name}"
        for method in methods or [*references_of(configuration), *configuration["methods"]]
        for seed in configuration["seeds"]
        for name in names
        if (method, seed) not in failed
    ]


def originals(wildcards):
    """The original models of an experiment, without those whose training failed."""
    return paths_of_runs(wildcards.experiment, "model.safetensors", methods=["original"])


def failed_runs(experiment):
    """The runs of an experiment that this call leaves out, because they failed."""
    return [entry for entry in FAILED[experiment] if "method" in entry]


def files_of_experiment(name):
    """Tables, figures and the manifest of an experiment; nothing if all of its runs failed."""
    if not paths_of_runs(name, "metrics.json"):
        return []
    failed = [entry["figure"] for entry in FAILED[name] if "figure" in entry]
    figures = [
        f"figures/{figure}.pdf" for figure in EXPERIMENTS[name]["figures"] if figure not in failed
    ]
    verdicts = ["verdicts.md"] if "published" in EXPERIMENTS[name] else []
    files = ["table.md", "comparisons.md", "explorer.html", "manifest.json", *figures, *verdicts]
    return [f"<results>/{name}/{file}" for file in files]


def caption_hash(wildcards):
    """Hash of the templates of a caption: its own, where it has one, and the sentences that captions share."""
    folder = Path(workflow.basedir) / "report" / "captions"
    names = (
        wildcards.get("table", wildcards.get("figure")),
        "conditions",
        "diverged",
        "range",
        "numbered",
    )
    templates = [folder / f"{name}.j2" for name in names]
    return hash_of_texts(*(path for path in templates if path.is_file()))


def hash_of_texts(*paths):
    """Hash of the contents of text files of this repository, which no touch and no move changes."""
    return sha256_of([path.read_text(encoding="utf-8") for path in paths])


def needs_published(figure):
    """Whether a figure shows published numbers, by what its file declares."""
    return "published" in (plugin_constant("figures", figure, "NEEDS") or {})


def quantities_of_verdicts():
    """The quantities as an input of the verdicts, and of no other table."""
    return branch(
        lambda wildcards: wildcards.table == "verdicts",
        then=f"{workflow.basedir}/published/quantities.yaml",
    )


def published_numbers(wildcards):
    """The files of published numbers that the experiment names, as inputs of the verdicts."""
    if wildcards.table != "verdicts":
        return []
    named = EXPERIMENTS[wildcards.experiment]["published"]
    tables = [named[key] for key in ("table", "corrected") if key in named]
    return [f"{workflow.basedir}/published/{table}.csv" for table in tables]


def proxy_dataset(wildcards):
    """The prepared data set that stands for the retain set of a run; none for most."""
    proxy = settings_of_run(wildcards)["retain_images"]
    return f"<data>/{proxy['dataset']}/prepared.safetensors" if "dataset" in proxy else []

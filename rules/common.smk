"""What all rules share: the checked configuration, and the questions that rules ask of it."""

import os
import sys
from functools import reduce
from operator import getitem
from pathlib import Path

from snakemake.exceptions import WorkflowError

from unlearning.data.description import describe_dataset
from unlearning.runtime import gpus, lock, provenance, slurm
from unlearning.io import hub, inception_weights
from unlearning.data import attribute_table
from unlearning.config.load import load_experiment, load_settings
from unlearning.io.downloads import SOURCE_VARIABLE
from unlearning.config.experiment import (
    REFERENCES,
    method_settings,
    published_weights,
    algorithm_of,
    uses_inception,
)
from unlearning.io.files import sha256_of
from unlearning.runtime.code_hash import code_hash

try:
    SETTINGS = load_settings(config)
    if SETTINGS["data_source"]:  # for the jobs, and for classes that are looked up in folders
        os.environ[SOURCE_VARIABLE] = SETTINGS["data_source"]
    EXPERIMENTS = {name: load_experiment(name) for name in SETTINGS["experiments"]}
except ValueError as error:  # a ConfigError, or a plug-in file that cannot be read
    raise WorkflowError(str(error)) from None

config.update(SETTINGS, experiments=EXPERIMENTS)  # for the captions of the report

ENVIRONMENT = "../envs/pipeline.yaml"

os.environ[gpus.SLOTS_VARIABLE] = str(SETTINGS["gpu_slots"])  # for the jobs
if workflow.is_main_process:
    lock.clear_if_abandoned(Path.cwd())
    provenance.remember_command(["snakemake", *sys.argv[1:]])


onstart:
    prepare_run()


def prepare_run():
    """What must hold before the first job starts, and is not needed to look at the workflow."""
    try:
        lock.hold(Path.cwd())
        lock.claim(Path(SETTINGS["results"]))
        jobs = list(workflow.dag.needrun_jobs())
        # Weights now, and not after hours of training or on a node without a network.
        if any(job.rule.name == "fetch_weights" for job in jobs):
            inception_weights.fetch(
                Path(SETTINGS["data"]) / "inception" / "checkpoints",
                os.environ.get(SOURCE_VARIABLE),
            )
        due = {(job.wildcards.get("experiment"), job.rule.name) for job in jobs}
        for name, experiment in EXPERIMENTS.items():
            for rule, kind in {"train": "models", "evaluate": "metrics"}.items():
                if (name, rule) in due:
                    for key, published in published_weights(experiment)[kind].items():
                        hub.weights_file(published, f"configs/{name}.yaml: {key}")
        if on_slurm():
            # Resources of one job of each rule: they may have queues of their own.
            asked = [
                job.resources
                for job in {job.rule.name: job for job in jobs}.values()
                if not job.is_local
            ]
            for account, partition in {
                (each.get("slurm_account"), each.get("slurm_partition")) for each in asked
            }:
                slurm.check_submission(account, partition, workflow.executor_settings.qos)
            slurm.cancel_orphans(Path.cwd(), workflow.executor_settings.jobname_prefix)
    except (ValueError, OSError) as error:
        raise WorkflowError(str(error)) from None
    lift_default_limit()


def lift_default_limit():
    """Let Snakemake's scheduler sleep until a job ends.

    Its limit of 100 jobs a second, the default, has it weigh all jobs that wait once a second, and for every job
    that ends once more: after some hundred jobs it takes a core of the machine. A limit of the user's stays.
    """
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    if limit and (limit.max_jobs, limit.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


def code(script, *kinds):
    """A function of the wildcards: hash of a script, of its plug-ins of these kinds, and of all they import.

    Among a rule's params it re-runs exactly the jobs whose code changed; see `unlearning.runtime.code_hash`.
    """
    return lambda wildcards: code_hash(
        script,
        *(f"unlearning/{kind}/{name}.py" for kind in kinds for name in used(kind, wildcards)),
    )


def looked_up(wildcards):
    """Hash of what the user's folders can change: classes and counts, and pictures beside a table of their own."""
    described = describe_dataset(wildcards.dataset)
    found = [described[key] for key in ("classes", "train_images", "heldout_images")]
    if attribute_table.TABLE in described["files"]:
        raw = Path(SETTINGS["data"]) / wildcards.dataset / "raw"
        found.append(attribute_table.state(described, os.environ.get(SOURCE_VARIABLE), raw))
    return sha256_of(found)


def setting(*keys):
    """A function of the wildcards: what stands under these keys of the experiment's configuration."""
    # Not Snakemake's `lookup`, which walks through all experiments at every call.
    return lambda wildcards: reduce(getitem, keys, EXPERIMENTS[wildcards.experiment])


def attribute(wildcards):
    """The attribute that an experiment forgets; None where it forgets classes or images."""
    return setting("forget_set")(wildcards).get("attribute")


def settings_of_run(wildcards):
    """What the model of a method, or of a reference, is made with."""
    experiment, method = EXPERIMENTS[wildcards.experiment], wildcards.method
    if method in REFERENCES:
        parts = {name: experiment[name] for name in ("model", "training")}
        return {**parts, "seed": int(wildcards.seed)}
    return method_settings(experiment, method)


def used(kind, wildcards):
    """Names of the plug-ins of one kind that a job uses."""
    experiment = EXPERIMENTS.get(wildcards.get("experiment"))
    return {
        "datasets": lambda: [wildcards.dataset],
        "models": lambda: list(experiment["model"]),
        "methods": lambda: [algorithm_of(experiment, wildcards.method)],
        "metrics": lambda: experiment["evaluation"]["metrics"],
        "figures": lambda: [wildcards.figure],
    }[kind]()


def prepared_dataset(wildcards):
    """The prepared data set of an experiment."""
    return f"<data>/{EXPERIMENTS[wildcards.experiment]['dataset']}/prepared.safetensors"


def proxy_dataset(wildcards):
    """The prepared data set that stands for the retain set of a run; none for most."""
    wanted = settings_of_run(wildcards)["retain_images"]
    return f"<data>/{wanted['dataset']}/prepared.safetensors" if "dataset" in wanted else []


def datasets_of(experiment):
    """Names of the data sets that an experiment reads: its own, and those that are proxies."""
    proxies = experiment.get("proxies", {}).values()
    return {experiment["dataset"], *(proxy["dataset"] for proxy in proxies if "dataset" in proxy)}


def dataset_manifest(wildcards):
    """The manifest of an experiment's data set."""
    return f"<data>/{EXPERIMENTS[wildcards.experiment]['dataset']}/manifest.json"


def paths_of_runs(experiment, *names, methods=None):
    """These files of every run of an experiment, references first, in the order of tables and figures."""
    configuration = EXPERIMENTS[experiment]
    return [
        f"<results>/{experiment}/seed{seed}/{method}/{name}"
        for method in methods or [*REFERENCES, *configuration["methods"]]
        for seed in configuration["seeds"]
        for name in names
    ]


def files_of_experiment(name):
    """Tables, figures and the manifest of an experiment."""
    figures = [f"figures/{figure}.pdf" for figure in EXPERIMENTS[name]["figures"]]
    verdicts = ["verdicts.md"] if "published" in EXPERIMENTS[name] else []
    return [
        f"<results>/{name}/{file}"
        for file in ("table.md", "comparisons.md", "manifest.json", *figures, *verdicts)
    ]


def has_guide(wildcards):
    """Whether the experiment has a second classifier."""
    return "guide" in EXPERIMENTS[wildcards.experiment]


def wants_inception(wildcards):
    """Whether the experiment is judged on Inception's features."""
    return uses_inception(EXPERIMENTS[wildcards.experiment])


def accuracy_files(wildcards):
    """The measured accuracy of the judge and, where there is one, of the guide."""
    names = ["judge", "guide"] if has_guide(wildcards) else ["judge"]
    return [f"<results>/{wildcards.experiment}/{name}/accuracy.json" for name in names]


def published_table(wildcards):
    """The file of published numbers that an experiment is compared with."""
    table = EXPERIMENTS[wildcards.experiment]["published"]["table"]
    return str(Path(workflow.basedir) / "published" / f"{table}.csv")


def run_files(*names):
    """A function of the wildcards: these files of every run, see `paths_of_runs`."""
    return lambda wildcards: paths_of_runs(wildcards.experiment, *names)


def other_seed_of(wildcards):
    """Another seed, whose retrained model a run is compared with; None where there is only one."""
    seeds = EXPERIMENTS[wildcards.experiment]["seeds"]
    following = seeds[(seeds.index(int(wildcards.seed)) + 1) % len(seeds)]
    return following if len(seeds) > 1 else None

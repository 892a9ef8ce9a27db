"""What the rules ask of Snakemake itself, and what must hold before the first job starts.

Only this module and `second_call` look into Snakemake's objects. They have no documented interface; the comments name
what was tried with version 9.27.
"""

import getpass
import os
import re
import sys
from functools import cache
from pathlib import Path

from snakemake.io import apply_wildcards

from unlearning.config.experiment import datasets_of, published_weights
from unlearning.config.given import check_contents, check_local_files, check_moments
from unlearning.config.load import load_experiments, load_settings
from unlearning.config.processes import check_processes
from unlearning.data import source_state
from unlearning.data.description import DATA_VARIABLE, describe_dataset, what_was_fetched
from unlearning.io import hub, inception_weights
from unlearning.io.downloads import SOURCE_VARIABLE, user_source
from unlearning.plugins import outside
from unlearning.runtime import basis, failures, gpus, lock, provenance, slurm
from unlearning.runtime.job import name_snakemake

# Rules whose jobs read weights made by others, and the kinds of these weights, see `published_weights`.
READERS_OF_WEIGHTS = {
    **dict.fromkeys(("train", "train_in_processes"), ("models", "autoencoders")),
    **dict.fromkeys(("evaluate", "evaluate_density"), ("metrics", "autoencoders")),
    **dict.fromkeys(("encode_images", "import_original", "unlearn"), ("autoencoders",)),
}
_asked = set()  # requests of jobs that this process has compared


def load_configuration(overrides: dict) -> tuple[dict, dict[str, dict]]:
    """Read `config.yaml` and the experiments that it names, and let all jobs know where data come from.

    Args:
        overrides: the values given by `--config`.

    Returns:
        The settings, and the experiments by name.
    """
    settings = load_settings(overrides)
    os.environ.pop(outside.VARIABLE, None)  # of another call
    # Before the experiments: classes are looked up in folders.
    os.environ[DATA_VARIABLE] = settings["data"]
    if settings["data_source"]:
        os.environ[SOURCE_VARIABLE] = settings["data_source"]
    os.environ[gpus.SLOTS_VARIABLE] = str(settings["gpu_slots"])
    name_snakemake()
    return settings, load_experiments(settings)


def prepare_process(workflow, settings: dict, experiments: dict[str, dict]) -> None:
    """Prepare the process that the user started; nothing in the processes of jobs, which parse the workflow again.

    Args:
        workflow: Snakemake's.
        settings: `config.yaml`.
        experiments: configurations by name.

    Raises:
        ValueError: jobs would fail on the path of Python, or something does not fit in the user's own data.
    """
    if not workflow.is_main_process:
        return
    if odd := sorted(set(re.findall(r"[^\w./+=@,~\x80-\U0010ffff-]", sys.executable))):
        raise ValueError(
            f"{sys.executable}: jobs fail with {' '.join(map(repr, odd))} in the path of Python; "
            "make the environment in a folder with another name"
        )
    if {"{", "}"} & set(workflow.basedir):
        raise ValueError(f"{workflow.basedir}: Snakemake takes braces in this path for wildcards; rename the folder")
    name_user()
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):  # another repository's, as in a hook of Git
        os.environ.pop(name, None)
    lock.clear_if_abandoned(Path.cwd())
    provenance.remember_command(["snakemake", *sys.argv[1:]])
    # On one machine, no job may wait for a card while it holds a core. A cluster, for which Snakemake is given a
    # number of nodes, counts cards itself.
    one_machine = workflow.global_resources["_nodes"].value is None
    need_gpu = any(experiment["device"] != "cpu" for experiment in experiments.values())
    if one_machine and need_gpu and "gpu" not in workflow.global_resources:
        cards = max(1, _count_cards(uses_slurm(workflow)))
        workflow.register_resource("gpu", cards * settings["gpu_slots"])
    # Not only where a job asks: Snakemake (9.27) hides an error of an input function if the job's output exists.
    for dataset in set().union(*map(datasets_of, experiments.values())):
        state_of_source(dataset)
    check_local_files(experiments)


def name_user() -> None:
    """Give the user a name for this process and its jobs, where the machine knows none, as in some containers."""
    try:
        getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        os.environ["LOGNAME"] = str(os.getuid())


def prepare_run(workflow, settings: dict, experiments: dict[str, dict]) -> None:
    """Do what must be done before the first job, and is not needed to look at the workflow.

    A ValueError or an OSError tells what is wrong.
    """
    forced = workflow.dag_settings  # not known yet while Snakemake reads the rules
    if forced.forceall or forced.forcetargets or forced.forcerun:
        os.environ[basis.COMPUTE_AGAIN] = "1"
    if (reason := provenance.why_no_commit()) and failures.SECOND_CALL not in os.environ:
        print(f"The results will name no commit of the code: {reason}", file=sys.stderr)
    lock.hold(Path.cwd())
    if failures.SECOND_CALL not in os.environ:  # the first call holds the lock until the second has ended
        lock.claim(Path(settings["results"]))
        for name in experiments:
            failures.forget(Path(settings["results"]) / name)
    jobs = list(workflow.dag.needrun_jobs())
    if workflow.local_exec:
        _check_cards(jobs, experiments)
    _fetch_weights(jobs, settings, experiments)
    _check_processes(workflow, jobs, experiments)
    _check_given(jobs, settings, experiments)
    if uses_slurm(workflow):
        _ask_slurm(workflow, jobs)
    # Snakemake's default limit, 100 jobs a second, makes the scheduler weigh all waiting jobs once a second and once
    # more for every job that ends: after some hundred jobs it takes a core. Without a limit it sleeps until a job ends.
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    if limit and (limit.max_jobs, limit.timespan) == (100, 1):  # a user's own limit stays
        workflow.scheduler.job_rate_limiter = None


def request_of_job(workflow, rule: str, wildcards) -> str:
    """The file that states what the configuration asks of a job, see `unlearning.runtime.basis`.

    Args:
        workflow: Snakemake's.
        rule: name of the job's rule.
        wildcards: of the job.

    Returns:
        The path of the file. The process that the user started has compared the job's outputs with the file.

    Raises:
        ValueError: the report would show a result that rests on something else than the configuration asks for.
    """
    definition = workflow.get_rule(rule)
    patterns = [str(output) for output in definition.output]
    outputs = [Path(apply_wildcards(pattern, wildcards)) for pattern in patterns]
    file = str(basis.Basis.of(rule, outputs[0]).request)
    if not workflow.is_main_process or file in _asked:
        return file
    _asked.add(file)
    # This calls all functions of the rule's inputs, and among them the one that has called this function.
    inputs = _by_name(definition.expand_input(dict(wildcards.items()))[0])
    params = {name: value(wildcards) if callable(value) else value for name, value in definition.params.items()}
    place = apply_wildcards(re.sub(r"^[^{]*/", "", patterns[0]), wildcards)
    options = {argument.partition("=")[0] for argument in sys.argv}
    only_report = "--report" in options and "--report-after-run" not in options
    if only_report and not basis.is_valid(rule, inputs, outputs, params, place):
        raise ValueError(
            f"{outputs[0]}: is missing, or was made with other settings, code or inputs; run Snakemake first"
        )
    basis.request(rule, inputs, outputs, params, place)
    return file


def _by_name(files) -> dict[str, Path]:
    """Name a job's input files, without its request, as `unlearning.runtime.job` does."""
    lists = {name: [value] if isinstance(value, str) else value for name, value in files.items() if name != "basis"}
    return {f"{name}.{number}": Path(path) for name, paths in lists.items() for number, path in enumerate(paths)}


def uses_slurm(workflow) -> bool:
    """Whether jobs are sent to SLURM."""
    return workflow.executor_plugin is not None and workflow.executor_plugin.name == "slurm"


def gpus_of_job(workflow, experiment: dict) -> int:
    """How many GPUs a job asks for: one where its experiment wants one and there is one, or else none."""
    if experiment["device"] == "auto":
        return min(1, _count_cards(uses_slurm(workflow)))
    return 1 if experiment["device"] == "cuda" else 0


@cache
def _count_cards(on_slurm: bool) -> int:
    """How many GPUs jobs may take on this machine; of a cluster, 1 where it has any."""
    return int(slurm.has_gpus()) if on_slurm else gpus.count_cards()


def _check_cards(jobs: list, experiments: dict[str, dict]) -> None:
    """Refuse `device: cuda` on a machine without a GPU, before the first job.

    Raises:
        ValueError: a job would need a GPU, and there is none.
    """
    due = {job.wildcards.get("experiment") for job in jobs if job.resources.get("gpu")}
    wanting = [name for name in experiments if name in due and experiments[name]["device"] == "cuda"]
    if wanting and not gpus.may_have_card():
        raise ValueError(
            f"configs/{wanting[0]}.yaml: device = 'cuda': this machine has no GPU; set device to cpu or auto"
        )


def _check_processes(workflow, jobs: list, experiments: dict[str, dict]) -> None:
    """Refuse trainings in several processes that could not succeed; see `processes.check_processes`."""
    due = {job.wildcards.experiment for job in jobs if job.rule.name == "train_in_processes"}
    for name in sorted(due):
        check_processes(name, experiments[name], 0 if uses_slurm(workflow) else gpus.count_cards())


def _fetch_weights(jobs: list, settings: dict, experiments: dict[str, dict]) -> None:
    """Fetch the weights that jobs will read: now, and not after hours of training or on a node without a network."""
    due = {(job.wildcards.get("experiment"), job.rule.name) for job in jobs}
    if any(rule == "fetch_weights" for _, rule in due):
        inception_weights.fetch(Path(settings["data"]) / "inception" / "checkpoints", user_source())
    for name, experiment in experiments.items():
        published = published_weights(experiment)
        for kind in sorted(
            {kind for rule, kinds in READERS_OF_WEIGHTS.items() if (name, rule) in due for kind in kinds}
        ):
            for key, weights in published[kind].items():
                hub.weights_file(weights, f"configs/{name}.yaml: {key}")


def _check_given(jobs: list, settings: dict, experiments: dict[str, dict]) -> None:
    """Refuse weights that do not fit, where jobs will import them: now, and not between jobs that train for hours."""
    parts = {"import_original": "original", "import_moments": "moments", "import_classifier": None}
    due = {
        (job.wildcards.experiment, parts[job.rule.name] or job.wildcards.classifier)
        for job in jobs
        if job.rule.name in parts
    }
    for name, part in sorted(due):
        experiment = experiments[name]
        dataset = describe_dataset(experiment["dataset"])
        places = dataset, Path(settings["data"]), user_source()
        if part == "moments":
            check_moments(name, experiment, *places)
        else:
            check_contents(name, experiment, part, *places)


def _ask_slurm(workflow, jobs: list) -> None:
    """Ask SLURM whether it would take the jobs, and end what a killed Snakemake left in its queue."""
    # One job of each rule: rules may have queues of their own.
    resources = [job.resources for job in {job.rule.name: job for job in jobs}.values() if not job.is_local]
    queues = {(each.get("slurm_account"), each.get("slurm_partition")) for each in resources}
    for account, partition in queues:
        slurm.check_submission(account, partition, workflow.executor_settings.qos)
    slurm.cancel_orphans(Path.cwd(), workflow.executor_settings.jobname_prefix)


@cache
def state_of_source(name: str) -> str:
    """Hash of the user's own files that a data set rests on, see `source_state.digest`.

    Args:
        name: of the data set.

    Returns:
        The hash, looked up once in each process.
    """
    folder = Path(os.environ[DATA_VARIABLE]) / name
    return source_state.digest(describe_dataset(name), user_source(), folder, what_was_fetched(name))

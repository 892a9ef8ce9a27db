"""The second call of Snakemake, which makes tables and figures without the runs that failed.

See `unlearning.runtime.failures` for the file that lists these runs.
"""

import os
import subprocess
import sys
from pathlib import Path

from unlearning.runtime import basis, failures

FORCING_RULES = {"--forcerun", "-R"}  # the words that follow belong to these options
FORCING_OPTIONS = {"--force", "-f", "--forceall", "-F", *FORCING_RULES}
RULES_OF_RUNS = ("train", "train_in_processes", "import_original", "unlearn", "evaluate", "evaluate_density")


def known_failures(workflow, settings: dict, experiments: dict[str, dict]) -> dict[str, list[dict]]:
    """What is left out of this call, by experiment; see `unlearning.runtime.failures.read`.

    Args:
        workflow: Snakemake's.
        settings: `config.yaml`.
        experiments: configurations by name.

    Returns:
        What failed, in the second call and for the report. Nothing in a first call, which tries everything.
    """
    options = {argument.partition("=")[0] for argument in sys.argv}
    leave_out = failures.SECOND_CALL in os.environ or (workflow.is_main_process and "--report" in options)
    return {name: failures.read(Path(settings["results"]) / name) if leave_out else [] for name in experiments}


def make_the_rest(workflow, settings: dict, experiments: dict[str, dict]) -> None:
    """After jobs have failed: note which runs failed, and make tables and figures of the others in a second call.

    A run has also failed if a job that the run waits for has failed. It makes no difference whether a job ended with an
    error, was killed, or was lost with its machine.

    Args:
        workflow: Snakemake's, after its last job.
        settings: `config.yaml`.
        experiments: configurations by name.
    """
    scheduler = workflow.scheduler
    stopped = scheduler._user_kill or scheduler.running  # by SIGTERM, or by Ctrl-C: then jobs were cancelled
    if stopped or scheduler._executor_error or not scheduler.keepgoing:
        return  # jobs are missing that nobody tried
    alone, together = set(), set()  # of a group of jobs on SLURM, nobody knows which one failed
    for job in scheduler.failed:
        members = set(job.jobs) if job.is_group() else {job}
        (alone if len(members) == 1 else together).update(members)
    second, news = failures.SECOND_CALL in os.environ, False
    for name, experiment in experiments.items():
        folder = Path(settings["results"]) / name
        known = failures.read(folder) if second else []
        found = [entry for entry in _failed_of(workflow, alone, name, folder) if entry not in known]
        if found:
            rows = list(experiment["methods"])  # references come first
            failures.write(folder, sorted(known + found, key=lambda entry: _place(entry, rows)))
            news = True
    waiting = any(job.rule.name == "aggregate" for job in workflow.dag.needrun_jobs())
    if waiting and (news or (together and not second)):
        # Alone in its entry of the queue, an evaluation that fails costs no other evaluation.
        ungrouped = ["--group-components", "evaluations=1"] if together else []
        command = [sys.executable, "-m", "snakemake", "--nolock", *ungrouped, *without_forcing(sys.argv[1:])]
        environment = {name: value for name, value in os.environ.items() if name != basis.COMPUTE_AGAIN}
        environment[failures.SECOND_CALL] = "1"
        subprocess.run(command, cwd=workflow.workdir_init, env=environment, check=False)
    if not second:
        lines = [line for name in experiments for line in failures.describe(Path(settings["results"]) / name)]
        if lines:
            print(
                "",
                *lines,
                "Tables and figures show the other runs. The same command tries the failed jobs again.",
                "",
                sep="\n",
                file=sys.stderr,
            )


def without_forcing(arguments: list[str]) -> list[str]:
    """The arguments of Snakemake without those by which a user has jobs run again: these jobs have run."""
    kept, forced = [], False
    for argument in arguments:
        if argument.startswith("-"):
            forced = argument in FORCING_RULES
        if not forced and argument.partition("=")[0] not in FORCING_OPTIONS:
            kept.append(argument)
    return kept


def _failed_of(workflow, failed: set, experiment: str, folder: Path) -> list[dict]:
    """The entries of `failed.json` for the jobs of one experiment that failed, or that wait for a job that failed.

    Args:
        workflow: Snakemake's, after its last job.
        failed: jobs that failed.
        experiment: name of the experiment.
        folder: of its results.

    Returns:
        The entries, each one once.
    """
    entries = []
    for job in workflow.dag.needrun_jobs():
        if job.wildcards.get("experiment") != experiment:
            continue
        if job.rule.name in RULES_OF_RUNS:
            causes = (each for each in workflow.dag.bfs(workflow.dag.dependencies, job) if each in failed)
            what = {"method": job.wildcards.method, "seed": int(job.wildcards.seed)}
        elif job.rule.name == "draw_figure":
            causes = iter(failed.intersection({job}))
            what = {"figure": job.wildcards.figure}
        else:
            continue
        if cause := next(causes, None):
            entry = what | {"log": os.path.relpath(cause.log[0], folder)}
            if entry not in entries:
                entries.append(entry)
    return entries


def _place(entry: dict, rows: list[str]) -> tuple[bool, int, int]:
    """Where an entry stands in `failed.json`: runs in the order of tables, then figures."""
    method = entry.get("method")
    return "figure" in entry, rows.index(method) if method in rows else -1, entry.get("seed", 0)

"""What jobs ask of a scheduler: GPUs, memory, time."""

from functools import cache

from unlearning.data.description import describe_dataset
from unlearning.runtime import gpus, slurm
from unlearning.config import resources


def on_slurm():
    """Whether jobs are sent to SLURM."""
    return workflow.executor_plugin is not None and workflow.executor_plugin.name == "slurm"


def wants_gpu():
    """Whether any experiment may take a GPU."""
    return any(experiment["device"] != "cpu" for experiment in EXPERIMENTS.values())


@cache
def cards():
    """How many GPUs jobs may take here, or whether the cluster has any."""
    return int(slurm.has_gpus()) if on_slurm() else gpus.count_cards()


def gpu(wildcards):
    """How many GPUs a job asks for: one where its experiment wants one and there is one."""
    device = EXPERIMENTS[wildcards.experiment]["device"]
    return int(device == "cuda" or (device == "auto" and cards() > 0))


def data_of(wildcards):
    """The description of the data set that a job prepares or uses."""
    name = wildcards.get("dataset") or EXPERIMENTS[wildcards.experiment]["dataset"]
    return describe_dataset(name)


def decoders(wildcards):
    """How many processes decode a data set's pictures; one where it has no files to decode."""
    return 8 if "pictures" in data_of(wildcards) else 1


def memory(wildcards, attempt):
    """MiB that a job asks for, more at every attempt."""
    dataset, experiment = data_of(wildcards), EXPERIMENTS.get(wildcards.get("experiment"))
    return resources.memory_mib(dataset, experiment, attempt)


def runtime(rule):
    """A function of the wildcards and the attempt: minutes that a job of this rule asks for."""

    def limit(wildcards, attempt):
        experiment = EXPERIMENTS.get(wildcards.get("experiment"))
        return resources.minutes(rule, experiment, data_of(wildcards), attempt)

    return limit


# On one machine, so that no job waits for a card while it holds a core. A cluster counts for itself;
# there Snakemake is given a number of nodes.
if workflow.is_main_process and workflow.global_resources["_nodes"].value is None:
    if wants_gpu() and "gpu" not in workflow.global_resources:
        workflow.register_resource("gpu", max(1, cards()) * SETTINGS["gpu_slots"])

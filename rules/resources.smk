"""What jobs ask of a scheduler: GPUs, memory, time."""

from unlearning.config.resources import memory_mib, minutes
from unlearning.config.workflow import gpus_of_job
from unlearning.data.description import describe_dataset


def gpu(wildcards):
    """How many GPUs a job asks for."""
    return gpus_of_job(workflow, EXPERIMENTS[wildcards.experiment])


def data_of(wildcards):
    """The description of the data set that a job prepares or uses."""
    name = wildcards.get("dataset") or EXPERIMENTS[wildcards.experiment]["dataset"]
    return describe_dataset(name)


def decoders(wildcards):
    """How many processes decode a data set's pictures; one where it has no files to decode."""
    return 8 if "pictures" in data_of(wildcards) else 1


def memory(wildcards, attempt):
    """MiB that a job asks for, more at every attempt."""
    return memory_mib(data_of(wildcards), EXPERIMENTS.get(wildcards.get("experiment")), attempt)


def processes(wildcards):
    """How many processes train a model together."""
    return processes_of(EXPERIMENTS[wildcards.experiment])


def runtime(rule):
    """A function of the wildcards and the attempt: minutes that a job of this rule asks for."""

    def limit(wildcards, attempt):
        experiment = EXPERIMENTS.get(wildcards.get("experiment"))
        return minutes(rule, experiment, data_of(wildcards), attempt)

    return limit

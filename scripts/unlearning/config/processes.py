"""Training in several processes: by which rule, and whether model and machine allow it."""

from unlearning.data.description import describe_dataset


def processes_of(experiment: dict) -> int:
    """Return how many processes train a model together, by the key `training.processes`."""
    return experiment.get("training", {}).get("processes", 1)


def training_rule(experiment: dict) -> str:
    """The name of the rule, and of its script, that trains the original and the retrained model."""
    return "train_in_processes" if processes_of(experiment) > 1 else "train"


def check_processes(name: str, experiment: dict, cards: int) -> None:
    """Refuse more processes than there are GPUs, and a model that one process must train. The function imports torch.

    Args:
        name: of the experiment.
        experiment: its configuration.
        cards: number of GPUs of the machine that trains; 0 if there are none, or if it is another machine.

    Raises:
        ValueError: the training would end so.
    """
    from unlearning.networks import generative
    from unlearning.networks.running_statistics import has_running_statistics

    place = f"configs/{name}.yaml: training.processes = {processes_of(experiment)}"
    if experiment["device"] != "cpu" and 0 < cards < processes_of(experiment):
        raise ValueError(
            f"{place}: each process needs a GPU, and this machine has {cards}; lower it, or set device to cpu"
        )
    image_shape, (model,) = describe_dataset(experiment["dataset"])["image_shape"], experiment["model"]
    if has_running_statistics(generative.build(experiment["model"], image_shape, seed=0)):
        raise ValueError(
            f"{place}: {model} has batch normalisation, whose statistics are those of a whole batch, and each process "
            "has a part of the batch; set it to 1, or name a model without batch normalisation"
        )

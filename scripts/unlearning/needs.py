"""How much memory and time a job asks of a scheduler, from the size of its experiment.

Generous on purpose: asking for too much costs some waiting, asking for too little costs the job. What
still is not enough grows with every attempt; a job cut off by its time limit goes on where it was.
"""

import math

BASE_MIB = 2500  # Python, torch and the CUDA libraries
BASE_MINUTES = 5
SECONDS_PER_STEP = 0.02  # on one slow core, for the smallest images
SECONDS_PER_PIXEL = 2e-5  # and step, on top


def memory_mib(dataset: dict, attempt: int = 1) -> int:
    """Memory of any job on a data set: the images once as bytes and, in parts, as floats, twice over.

    Args:
        dataset: its description.
        attempt: 1 for the first.
    """
    images = sum(dataset["train_images"]) + sum(dataset["heldout_images"])
    return attempt * (BASE_MIB + math.ceil(10 * images * math.prod(dataset["image_shape"]) / 2**20))


def minutes(rule: str, experiment: dict, dataset: dict, attempt: int = 1) -> int:
    """Time limit of a job.

    Args:
        rule: its name.
        experiment: its configuration; None for a job that prepares data.
        dataset: description of the data set.
        attempt: 1 for the first.
    """
    images = sum(dataset["train_images"])
    steps = {
        "prepare_dataset": lambda: images / 32,
        "train": lambda: experiment["training"]["epochs"] * images / experiment["training"]["batch_size"],
        "train_classifier": lambda: experiment["judge"]["epochs"] * images / experiment["judge"]["batch_size"],
        # Up to five gradients a step, and the measurements in between.
        "unlearn": lambda: 10 * experiment["unlearning"]["steps"],
    }.get(rule, lambda: 0)()
    per_step = SECONDS_PER_STEP + SECONDS_PER_PIXEL * math.prod(dataset["image_shape"])
    return attempt * (BASE_MINUTES + math.ceil(steps * per_step / 60))

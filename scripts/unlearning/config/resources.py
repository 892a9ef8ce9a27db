"""How much memory and time a job asks of a scheduler, from the size of its experiment.

Generous on purpose: asking for too much costs some waiting, asking for too little costs the job. What
still is not enough grows with every attempt; a job cut off by its time limit goes on where it was.
"""

import math

from unlearning.config.experiment import uses_inception
from unlearning.data.forget_set import GROUPS
from unlearning.io.inception_weights import FEATURES
from unlearning.plugins.describe import completes

BASE_MIB = 2500  # Python, torch and the CUDA libraries
BASE_MINUTES = 5
SECONDS_PER_STEP = 0.02  # on one slow core, for the smallest images
SECONDS_PER_PIXEL = 2e-5  # and step, on top
SECONDS_PER_INCEPTION = {"cpu": 0.3, "cuda": 0.005, "auto": 0.005}  # and image, of CLIP too; a guess for GPUs
SECONDS_PER_SIMILARITY = 3e-7  # and pixel: hole_error on one core
COMPLETED_AT_ONCE = 64  # images in the time of one step of training
CLIP_MIB = 5000  # weights of a ViT-H, read and in place


def memory_mib(dataset: dict, attempt: int = 1, images_for_inception: int = 0, clip: bool = False) -> int:
    """Memory of any job on a data set: the images once as bytes and, in parts, as floats, twice over.

    Args:
        dataset: its description.
        attempt: 1 for the first.
        images_for_inception: images by Inception; their features, in half precision, are held twice.
        clip: whether a CLIP judges completions.
    """
    images = sum(dataset["train_images"]) + sum(dataset["heldout_images"])
    numbers = 10 * images * math.prod(dataset["image_shape"]) + 4 * images_for_inception * FEATURES
    return attempt * (BASE_MIB + CLIP_MIB * clip + math.ceil(numbers / 2**20))


def images_for_inception(experiment: dict, dataset: dict) -> int:
    """How many images Inception looks at for the reference, 0 where the judge's features are used."""
    samples = experiment["evaluation"]["samples"] * len(experiment["seeds"])
    return (sum(dataset["train_images"]) + samples) * uses_inception(experiment)


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
        "train_classifier": lambda: max(
            training["epochs"] * images / training["batch_size"]
            for training in (experiment["judge"], experiment.get("guide", experiment["judge"]))
        ),
        # Up to five gradients a step, and the measurements in between.
        "unlearn": lambda: 10 * experiment["unlearning"]["steps"],
    }.get(rule, lambda: 0)()
    pixels = math.prod(dataset["image_shape"])
    per_step = SECONDS_PER_STEP + SECONDS_PER_PIXEL * pixels
    share = {"build_reference": lambda: 1, "evaluate": lambda: 1 / len(experiment["seeds"])}.get(rule, lambda: 0)()
    looking = share and share * images_for_inception(experiment, dataset) * SECONDS_PER_INCEPTION[experiment["device"]]
    if share:
        ((name, parameters),) = experiment["model"].items()
        models = len(experiment["seeds"]) * share
        completed = len(GROUPS) * experiment["evaluation"]["samples"] * models * completes(name)
        steps += completed * parameters.get("sampling_steps", 1) / COMPLETED_AT_ONCE
        if rule == "evaluate":
            # The as-published distance has a reference's samples drawn, and looked at, once more.
            again = experiment["evaluation"]["samples"] * uses_inception(experiment) * ("guide" in experiment)
            looking += again * SECONDS_PER_INCEPTION[experiment["device"]]
            seen = uses_inception(experiment) + 2 * (
                "embedding" in experiment["evaluation"]
            )  # CLIP sees true images too
            looking += completed * seen * SECONDS_PER_INCEPTION[experiment["device"]]
            looking += completed * pixels * SECONDS_PER_SIMILARITY
    return attempt * (BASE_MINUTES + math.ceil((steps * per_step + looking) / 60))

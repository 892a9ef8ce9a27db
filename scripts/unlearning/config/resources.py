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
SECONDS_PER_SIMILARITY = 3e-7  # of completed and true image, and pixel, on one core
COMPLETED_AT_ONCE = 64  # images in the time of one step of training
DECODED_AT_ONCE = 32  # picture files to decode or pictures to encode, likewise
STEPS_PER_UNLEARNING_STEP = 10  # up to five gradients, and the measurements in between
TRAINED = {"train": ("training",), "train_classifier": ("judge", "guide")}  # rules, and the keys with their settings
# Of training, for the densities of 32 images: 8 draws, 100 evaluations of the network, 64 images in a step.
STEPS_OF_DENSITIES = 400
CLIP_MIB = 5000  # weights of a ViT-H, read and in place


def memory_mib(dataset: dict, experiment: dict | None, attempt: int = 1) -> int:
    """Memory of any job: the images once as bytes and, in parts, as floats, twice over.

    Args:
        dataset: the description of the data set.
        experiment: its configuration; None for a job that prepares data.
        attempt: 1 for the first.

    Returns:
        MiB.
    """
    images = sum(dataset["train_images"]) + sum(dataset["heldout_images"])
    numbers = 10 * images * math.prod(dataset["image_shape"])
    mib = BASE_MIB
    if experiment:
        numbers += 4 * images_for_inception(experiment, dataset) * FEATURES  # in half precision, twice
        if "embedding" in experiment["evaluation"]:
            mib += CLIP_MIB
    return attempt * (mib + math.ceil(numbers / 2**20))


def images_for_inception(experiment: dict, dataset: dict) -> int:
    """How many images Inception classifies for the reference; 0 where the judge's features are used."""
    if not uses_inception(experiment):
        return 0
    return sum(dataset["train_images"]) + experiment["evaluation"]["samples"] * len(experiment["seeds"])


def minutes(rule: str, experiment: dict | None, dataset: dict, attempt: int = 1) -> int:
    """Time limit of a job.

    Args:
        rule: the name of its rule.
        experiment: its configuration; None for a job that prepares data.
        dataset: the description of the data set.
        attempt: 1 for the first.

    Returns:
        Minutes.
    """
    seconds = _steps(rule, experiment, dataset) * _seconds_per_step(dataset)
    if rule == "build_reference":
        seconds += _reference_seconds(experiment, dataset)
    elif rule in ("evaluate", "evaluate_density"):
        seconds += _evaluation_seconds(experiment, dataset)
    return attempt * (BASE_MINUTES + math.ceil(seconds / 60))


def _seconds_per_step(dataset: dict) -> float:
    return SECONDS_PER_STEP + SECONDS_PER_PIXEL * math.prod(dataset["image_shape"])


def _steps(rule: str, experiment: dict | None, dataset: dict) -> float:
    """The work of a job, in steps of training."""
    images = sum(dataset["train_images"])
    if rule in ("prepare_dataset", "encode_images"):
        return images / DECODED_AT_ONCE
    if rule in TRAINED:
        trainings = [experiment[key] for key in TRAINED[rule] if "epochs" in experiment.get(key, {})]
        return max(
            settings["epochs"] * images / settings["batch_size"] * settings.get("networks", 1) for settings in trainings
        )
    if rule == "unlearn":
        return STEPS_PER_UNLEARNING_STEP * experiment["unlearning"]["steps"]
    if rule == "evaluate_density":
        return STEPS_OF_DENSITIES
    return 0


def _reference_seconds(experiment: dict, dataset: dict) -> float:
    """Completions by every retrained model, and Inception's features of their samples and of the training images."""
    inception = images_for_inception(experiment, dataset) * SECONDS_PER_INCEPTION[experiment["device"]]
    return len(experiment["seeds"]) * _completion_seconds(experiment, dataset) + inception


def _evaluation_seconds(experiment: dict, dataset: dict) -> float:
    """Completions by one model, and the features of true and generated images."""
    evaluation = experiment["evaluation"]
    images = images_for_inception(experiment, dataset) / len(experiment["seeds"])
    completions = _completions(experiment)
    if uses_inception(experiment):
        images += completions
        if "guide" in experiment:  # samples of a reference are drawn, and classified, once more
            images += evaluation["samples"]
    if "embedding" in evaluation:
        images += 2 * completions  # CLIP embeds the true images, too
    similarity = completions * math.prod(dataset["image_shape"]) * SECONDS_PER_SIMILARITY
    return _completion_seconds(experiment, dataset) + images * SECONDS_PER_INCEPTION[experiment["device"]] + similarity


def _completions(experiment: dict) -> int:
    """How many images one model completes; 0 for a model that generates images."""
    (model,) = experiment["model"]
    return len(GROUPS) * experiment["evaluation"]["samples"] if completes(model) else 0


def _completion_seconds(experiment: dict, dataset: dict) -> float:
    ((_, parameters),) = experiment["model"].items()
    steps = _completions(experiment) * parameters.get("sampling_steps", 1) / COMPLETED_AT_ONCE
    return steps * _seconds_per_step(dataset)

"""Memory and time that jobs request."""

from unlearning.config import resources
from unlearning.config.load import load_experiment
from unlearning.config.strict_yaml import read_yaml
from unlearning.data.description import describe_dataset

DIGITS = load_experiment("digits")
DATASET = describe_dataset("digits")


def test_every_attempt_asks_for_more():
    assert resources.memory_mib(DATASET, DIGITS, 3) == 3 * resources.memory_mib(DATASET, DIGITS) > 7000
    for rule in ("train", "train_classifier", "unlearn", "evaluate", "evaluate_density"):
        assert resources.minutes(rule, DIGITS, DATASET, 2) == 2 * resources.minutes(rule, DIGITS, DATASET)


def test_needs_grow_with_the_experiment():
    longer = DIGITS | {"training": DIGITS["training"] | {"epochs": 300_000}}
    assert resources.minutes("train", longer, DATASET) > 100 * resources.minutes("train", DIGITS, DATASET)
    guided = DIGITS | {"guide": DIGITS["judge"] | {"epochs": 300_000}}
    assert resources.minutes("train_classifier", guided, DATASET) > 100 * resources.minutes(
        "train_classifier", DIGITS, DATASET
    )
    densities, samples = (resources.minutes(rule, DIGITS, DATASET) for rule in ("evaluate_density", "evaluate"))
    assert densities > samples
    larger = DATASET | {"image_shape": [3, 64, 64], "train_images": [200_000]}
    assert resources.memory_mib(larger, DIGITS) > resources.memory_mib(DATASET, DIGITS) + 20_000
    inception = DIGITS | {"evaluation": DIGITS["evaluation"] | {"features": "inception"}}
    images = resources.images_for_inception(inception, DATASET)
    assert images == sum(DATASET["train_images"]) + DIGITS["evaluation"]["samples"] * len(DIGITS["seeds"])
    assert resources.images_for_inception(DIGITS, DATASET) == 0
    guided = inception | {"guide": DIGITS["judge"]}
    assert resources.minutes("evaluate", guided, DATASET) > resources.minutes("evaluate", inception, DATASET)
    assert resources.memory_mib(DATASET, inception) > resources.memory_mib(DATASET, DIGITS) + 100
    for rule in ("build_reference", "evaluate"):
        assert resources.minutes(rule, inception, DATASET) > resources.minutes(rule, DIGITS, DATASET) + 10


def test_places_has_time_for_its_completions():
    """Its header reckons 69 minutes on a GPU for one evaluation, and 13 for the structural similarity."""
    places = read_yaml("configs/places-i2i.yaml")
    dataset = {"image_shape": [3, 256, 256], "train_images": [250] * 365, "heldout_images": [100] * 365}
    assert resources.minutes("evaluate", places, dataset) > 82
    assert resources.minutes("build_reference", places, dataset) > 3 * 69
    clip = places | {"evaluation": places["evaluation"] | {"embedding": {}}}
    assert resources.minutes("evaluate", clip, dataset) > resources.minutes("evaluate", places, dataset)
    assert resources.memory_mib(dataset, clip) > resources.memory_mib(dataset, places) + 4000

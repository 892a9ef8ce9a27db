"""What is asked of SLURM's commands, with programs of our own in their place; tests/slurm asks the real ones."""

import pytest

from unlearning.config import resources
from unlearning.config.load import load_experiment
from unlearning.config.strict_yaml import read_yaml
from unlearning.data.description import describe_dataset
from unlearning.runtime import slurm

DIGITS = load_experiment("digits")
DATASET = describe_dataset("digits")


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """Write programs that take the place of SLURM's; each call is noted in a file."""

    def write(**programs):
        for name, body in programs.items():
            program = tmp_path / name
            program.write_text(f'#!/bin/sh\necho "{name} $@" >> {tmp_path}/calls\n{body}\n')
            program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
        return tmp_path / "calls"

    return write


def test_a_refusal_says_what_slurm_says_and_what_there_is(commands):
    calls = commands(
        sbatch="echo 'allocation failure: Invalid account' >&2; exit 1",
        sacctmgr="echo 'physics|normal,long'",
        sinfo="echo gpu; echo cpu",
    )
    with pytest.raises(ValueError, match="Invalid account") as error:
        slurm.check_submission("maths", None, "long")
    assert "your accounts: physics (QOS normal,long); partitions: gpu, cpu" in str(error.value)
    assert "sbatch --test-only --account=maths --qos=long --wrap=true" in calls.read_text()


def test_no_word_where_slurm_would_take_the_job(commands):
    commands(sbatch="exit 0")
    slurm.check_submission("maths", "cpu", None)


def test_gpus_are_seen_in_the_partitions(commands):
    commands(sinfo="echo '(null)'; echo 'gpu:a100:4(S:0-1)'")
    assert slurm.has_gpus()
    commands(sinfo="echo '(null)'")
    assert not slurm.has_gpus()


def test_only_jobs_sent_from_this_directory_are_orphans(commands, tmp_path):
    here = tmp_path / "here"
    # Listed until they are cancelled.
    squeue = f"""test -e {tmp_path}/gone || {{
    echo '11|unlearning_ab|{here}'; echo '12|unlearning_ab|{here}'; echo '12|unlearning_ab|{here}'
    echo '13|unlearning_cd|{tmp_path}/elsewhere'; echo '14|somebody_else|{here}'; }}"""
    calls = commands(squeue=squeue, scancel=f"touch {tmp_path}/gone")
    assert slurm.cancel_orphans(here, "unlearning", patience=5) == ["11", "12"]
    assert "scancel 11 12\n" in calls.read_text()
    assert slurm.cancel_orphans(here, "unlearning") == []


def test_every_attempt_asks_for_more(commands):
    assert resources.memory_mib(DATASET, 3) == 3 * resources.memory_mib(DATASET) > 7000
    for rule in ("train", "train_classifier", "unlearn", "evaluate"):
        assert resources.minutes(rule, DIGITS, DATASET, 2) == 2 * resources.minutes(rule, DIGITS, DATASET)


def test_needs_grow_with_the_experiment():
    longer = DIGITS | {"training": DIGITS["training"] | {"epochs": 300_000}}
    assert resources.minutes("train", longer, DATASET) > 100 * resources.minutes("train", DIGITS, DATASET)
    guided = DIGITS | {"guide": DIGITS["judge"] | {"epochs": 300_000}}
    assert resources.minutes("train_classifier", guided, DATASET) > 100 * resources.minutes(
        "train_classifier", DIGITS, DATASET
    )
    larger = DATASET | {"image_shape": [3, 64, 64], "train_images": [200_000]}
    assert resources.memory_mib(larger) > resources.memory_mib(DATASET) + 20_000
    inception = DIGITS | {"evaluation": DIGITS["evaluation"] | {"features": "inception"}}
    seen = resources.images_for_inception(inception, DATASET)
    assert seen == sum(DATASET["train_images"]) + DIGITS["evaluation"]["samples"] * len(DIGITS["seeds"])
    assert resources.images_for_inception(DIGITS, DATASET) == 0
    guided = inception | {"guide": DIGITS["judge"]}
    assert resources.minutes("evaluate", guided, DATASET) > resources.minutes("evaluate", inception, DATASET)
    assert resources.memory_mib(DATASET, 1, seen) > resources.memory_mib(DATASET) + 100
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
    assert resources.memory_mib(dataset, clip=True) > resources.memory_mib(dataset) + 4000
